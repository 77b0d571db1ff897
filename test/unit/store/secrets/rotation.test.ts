// Key rotation: what holds after it, next to it, and after a crash at any line of it.

import { randomBytes } from 'node:crypto';
import * as fileSystem from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keys } from '../../../../store/keys.ts';
import { sealedValueRecord } from '../../../../store/records/blob-records.ts';
import type { KeyDisk } from '../../../../store/secrets/sealed/key-file.ts';
import { openKeyFile } from '../../../../store/secrets/sealed/key-file.ts';
import type { KeyRing } from '../../../../store/secrets/sealed/key-ring.ts';
import { fixedKeyRing } from '../../../../store/secrets/sealed/key-ring.ts';
import type { SealedStore } from '../../../../store/secrets/sealed/sealed-store.ts';
import { createSealedStore } from '../../../../store/secrets/sealed/sealed-store.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import { withCommitFaults } from '../../../../store/state/memory/faults.ts';
import { systemClock } from '../../../../store/state/mvcc/clock.ts';
import type { StateStore } from '../../../../store/state/port.ts';
import { createVirtualClock } from '../state/virtual-clock.ts';
import type { TemporaryDirectory } from '../../../temporary-directory.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';

let temporary: TemporaryDirectory;
let state: StateStore;
let path: string;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  path = join(temporary.path, 'secret.key');
  state = createMemoryStore();
});
afterEach(() => temporary[Symbol.asyncDispose]());

interface Node {
  readonly ring: KeyRing;
  readonly store: SealedStore;
}

/** A node as it starts, on the shared state and the shared key file. */
async function startNode({ on = state, disk }: { on?: StateStore; disk?: KeyDisk } = {}): Promise<Node> {
  const ring = await openKeyFile({ path, createIfAbsent: true, ...(disk === undefined ? {} : { disk }) });
  return { ring, store: createSealedStore({ state: on, ring }) };
}

/** More than one page of the rotation. */
const NAMES = Array.from({ length: 45 }, (_, at) => `pipeline/default/p${at % 3}/${at}`);
const valueOf = (name: string) => `secret of ${name}`;

async function putAll(store: SealedStore): Promise<void> {
  for (const name of NAMES) await store.put(name, valueOf(name));
}

async function expectAllReadable(store: SealedStore): Promise<void> {
  for (const name of NAMES) expect(await store.get(name)).toBe(valueOf(name));
}

async function usedKeyIds(): Promise<string[]> {
  const { kvs } = await state.range(keys.allSealed());
  return [...new Set(kvs.map(({ value }) => sealedValueRecord.decode(value).keyId))];
}

const ids = (ring: KeyRing) => ring.keys().map(({ id }) => id);

describe('a rotation', () => {
  test('seals everything with a new key and takes the old one away', async () => {
    const { ring, store } = await startNode();
    await putAll(store);
    const [old] = ids(ring);
    const report = await store.rotate();
    expect(report).toEqual({ keyId: ids(ring)[0], resealed: NAMES.length, unreadable: [], unusedKeyIds: [old] });
    expect(ids(ring)).not.toContain(old);
    expect(await usedKeyIds()).toEqual([report.keyId]);
    const next = await startNode();
    expect(ids(next.ring)).toEqual([report.keyId]);
    await expectAllReadable(next.store);
  });

  test('with nothing stored only changes the key', async () => {
    const { ring, store } = await startNode();
    const [old] = ids(ring);
    expect(await store.rotate()).toMatchObject({ resealed: 0, unusedKeyIds: [old] });
    await store.put('a', 'b');
    expect(await (await startNode()).store.get('a')).toBe('b');
  });

  test('may be done again and again', async () => {
    const { ring, store } = await startNode();
    await putAll(store);
    for (let turn = 0; turn < 5; turn += 1) await store.rotate();
    expect(ids(ring)).toHaveLength(1);
    await expectAllReadable((await startNode()).store);
  });

  test('another node on the same key file reads and writes on without a restart', async () => {
    const [first, second] = [await startNode(), await startNode()];
    await putAll(second.store);
    await first.store.rotate();
    await expectAllReadable(second.store);
    await second.store.put('new', 'by the other node');
    expect(await usedKeyIds()).toEqual(ids(first.ring));
    expect(await first.store.get('new')).toBe('by the other node');
  });

  test('puts at the same time, on all nodes, are never sealed with a key that goes', async () => {
    const nodes = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ store }) => putAll(store)));
    let rotated = false;
    const busy = nodes.map(async ({ store }, lane) => {
      for (let turn = 0; !rotated; turn += 1) {
        await store.put(`busy/${lane}`, `turn ${turn}`);
        expect(await store.get(`busy/${lane}`)).toBe(`turn ${turn}`);
      }
    });
    for (let turn = 0; turn < 5; turn += 1) await nodes[0]?.store.rotate();
    rotated = true;
    await Promise.all(busy);
    const after = await startNode();
    expect(await usedKeyIds()).toEqual(ids(after.ring));
    await expectAllReadable(after.store);
    expect(await after.store.get('busy/1')).toMatch(/^turn/);
  });

  test('a put that is on its way while its key goes is sealed again, with the new one', async () => {
    const { store, ring } = await startNode();
    await store.put('warm', 'so that the node knows the agreed key');
    const clock = createVirtualClock();
    let held = 0;
    const slow = withCommitFaults(state, {
      clock,
      decide: () => (held++ === 0 ? { kind: 'delay', delayMs: 1_000 } : undefined),
    });
    const late = (await startNode({ on: slow })).store.put('late', 'value');
    await expect.poll(() => held).toBe(1);
    await store.rotate();
    await clock.advance(1_000);
    await late;
    expect(await usedKeyIds()).toEqual(ids(ring));
    expect(await (await startNode()).store.get('late')).toBe('value');
  });

  test('two at once: one is told of the other, nothing is lost', async () => {
    const [first, second] = [await startNode(), await startNode()];
    await putAll(first.store);
    const results = await Promise.allSettled([first.store.rotate(), first.store.rotate(), second.store.rotate()]);
    expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'conflict' });
    }
    await expectAllReadable(first.store);
    await first.store.rotate();
    await expectAllReadable((await startNode()).store);
  });

  test('a value that cannot be opened is named, and its key is kept', async () => {
    const { ring, store } = await startNode();
    await putAll(store);
    const [old = ''] = ids(ring);
    const copied = (await state.get(keys.sealed(NAMES[0] ?? '')))?.value ?? '';
    await state.commit({ compares: [], writes: [{ op: 'put', key: keys.sealed('copied'), value: copied }] });
    expect(await store.rotate()).toMatchObject({ resealed: NAMES.length, unreadable: ['copied'], unusedKeyIds: [] });
    expect(ids(ring)).toContain(old);
    await expectAllReadable(store);
  });

  test('a record that cannot be parsed keeps all keys', async () => {
    const { ring, store } = await startNode();
    await state.commit({ compares: [], writes: [{ op: 'put', key: keys.sealed('torn'), value: '{"v":1,"ke' }] });
    expect(await store.rotate()).toMatchObject({ unreadable: ['torn'], unusedKeyIds: [] });
    expect(ids(ring)).toHaveLength(2);
  });

  test('it can be stopped, and done again', async () => {
    const { store } = await startNode();
    await putAll(store);
    await expect(store.rotate({ signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
    await expectAllReadable((await startNode()).store);
    await store.rotate();
    expect(await usedKeyIds()).toHaveLength(1);
  });
});

describe('a lost key file', () => {
  test('rotation is refused, unless told to go on without what is lost', async () => {
    const { store } = await startNode();
    await store.put('lost', 'for good');
    await fileSystem.unlink(path);
    const after = await startNode();
    await expect(after.store.rotate()).rejects.toMatchObject({ code: 'conflict' });
    expect(await after.store.rotate({ abandonLostKey: true })).toMatchObject({ unreadable: ['lost'] });
    await after.store.put('new', 'value');
    expect(await after.store.get('new')).toBe('value');
  });
});

describe('fixed keys', () => {
  const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const withKeys = (text: string) => createSealedStore({ state, ring: fixedKeyRing(text, 'TEST_KEYS') });

  test('one key: the error says what the operator has to do', async () => {
    await withKeys(first).put('a', 'b');
    await expect(withKeys(first).rotate()).rejects.toMatchObject({ code: 'conflict' });
  });

  test('a key that the operator added is taken, and the old one may then be left out', async () => {
    await withKeys(first).put('a', 'b');
    const report = await withKeys(`${first},${second}`).rotate();
    expect(report).toMatchObject({ resealed: 1, unusedKeyIds: [fixedKeyRing(first, '').keys()[0]?.id] });
    expect(await withKeys(second).get('a')).toBe('b');
  });

  test('before the rotation the added key is not used, so that nodes can get it one after the other', async () => {
    await withKeys(first).put('a', 'b');
    await withKeys(`${first},${second}`).put('c', 'd');
    expect(await withKeys(first).get('c')).toBe('d');
  });
});

describe('a crash', () => {
  /** Fails the nth effect on state or key file, before or after it took place, and all that follow. */
  function crashAt(nth: number, moment: 'before' | 'after'): { on: StateStore; disk: KeyDisk; arm: () => void } {
    let effects = 0;
    let armed = false;
    const fate = (): 'lives' | 'before' | 'after' => {
      if (armed) effects += 1;
      if (effects < nth) return 'lives';
      return effects === nth ? moment : 'before';
    };
    async function onFile<T>(call: () => Promise<T>): Promise<T> {
      const fated = fate();
      const result = fated === 'before' ? null : await call();
      if (fated === 'lives' && result !== null) return result;
      throw new Error('injected fault');
    }
    const on = withCommitFaults(state, {
      clock: systemClock,
      decide() {
        const fated = fate();
        if (fated === 'lives') return undefined;
        return fated === 'before' ? { kind: 'not_applied' } : { kind: 'unknown', landsAfterMs: 0 };
      },
    });
    const disk: KeyDisk = {
      ...fileSystem,
      rename: async (from, to) => void (await onFile(async () => [await fileSystem.rename(from, to)])),
      realpath: ((of: string) => onFile(() => fileSystem.realpath(of))) as KeyDisk['realpath'],
    };
    return { on, disk, arm: () => (armed = true) };
  }

  test.each(['before', 'after'] as const)(
    '%s any effect of a rotation: all can be read, and the next one ends it',
    async (moment) => {
      const writer = await startNode();
      await putAll(writer.store);
      let crashes = 0;
      for (let nth = 1; ; nth += 1) {
        const { on, disk, arm } = crashAt(nth, moment);
        const crashing = await startNode({ on, disk });
        arm();
        const crash = await crashing.store.rotate().then(
          () => null,
          (error: unknown) => inspect(error),
        );
        const restarted = await startNode();
        await expectAllReadable(restarted.store);
        await restarted.store.put(NAMES[0] ?? '', valueOf(NAMES[0] ?? ''));
        if (crash === null) break;
        expect(crash).toContain('injected fault');
        crashes += 1;
        await restarted.store.rotate();
        expect(await usedKeyIds()).toEqual(ids(restarted.ring));
        await expectAllReadable(restarted.store);
      }
      // Every value and the agreement once, the key file twice.
      expect(crashes).toBeGreaterThan(NAMES.length + 3);
    },
  );
});
