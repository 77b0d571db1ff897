// What is particular to sealed values: what stands in the state store, and what damage, theft and a wrong key lead to.

import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { keys } from '../../../../store/keys.ts';
import { errorText } from '../../../../store/model/errors.ts';
import { fixedKeyRing } from '../../../../store/secrets/sealed/key-ring.ts';
import { createSealedStore } from '../../../../store/secrets/sealed/sealed-store.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore } from '../../../../store/state/port.ts';

const VALUE = 'correct horse battery staple';
const aKey = () => randomBytes(32).toString('base64');

let state: StateStore;
let key: string;

const openStore = (text = key) => createSealedStore({ state, ring: fixedKeyRing(text, 'TEST_KEYS') });

beforeEach(() => {
  state = createMemoryStore();
  key = aKey();
});

async function rawOf(name: string): Promise<string> {
  return (await state.get(keys.sealed(name)))?.value ?? '';
}

async function overwrite(name: string, value: string): Promise<void> {
  await state.commit({ compares: [], writes: [{ op: 'put', key: keys.sealed(name), value }] });
}

/** All that an operator or a caller could ever see of an error. */
function everythingOf(error: unknown): string {
  return `${errorText(error)} ${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)}`;
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error,
  );
}

describe('what is stored', () => {
  test('neither the value nor the key stands in the state store', async () => {
    await openStore().put('a', VALUE);
    const all = await state.range({ start: '\0', end: '\uffff' });
    const text = JSON.stringify(all.kvs) + all.kvs.map(({ value }) => Buffer.from(value, 'base64').toString()).join();
    expect(all.kvs.map((kv) => kv.key)).toEqual(['sealed/a', 'sealing-ring']);
    for (const hidden of [
      VALUE,
      key,
      Buffer.from(VALUE).toString('base64'),
      Buffer.from(key, 'base64').toString('hex'),
    ]) {
      expect(text).not.toContain(hidden);
    }
  });

  test('the same value sealed twice looks different', async () => {
    const store = openStore();
    await store.put('a', VALUE);
    const first = await rawOf('a');
    await store.put('a', VALUE);
    expect(await rawOf('a')).not.toBe(first);
  });

  test('another node with the same key reads it, whatever form the key is given in', async () => {
    await openStore().put('a', VALUE);
    expect(await openStore(Buffer.from(key, 'base64').toString('hex')).get('a')).toBe(VALUE);
    expect(await openStore(Buffer.from(key, 'base64').toString('base64url')).get('a')).toBe(VALUE);
    expect(await openStore(`${aKey()},${key}`).get('a')).toBe(VALUE);
  });
});

describe('what cannot be opened', () => {
  const changed = async (change: (record: Record<string, string>) => object): Promise<void> => {
    const record = JSON.parse(await rawOf('a')) as Record<string, string>;
    await overwrite('a', JSON.stringify(change(record)));
  };
  const flipped = (text = '') => {
    const bytes = Buffer.from(text, 'base64');
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
    return bytes.toString('base64');
  };
  const cut = (text = '') => Buffer.from(text, 'base64').subarray(0, 10).toString('base64');

  const harms: readonly { readonly title: string; readonly harm: () => Promise<void> }[] = [
    { title: 'a bit changed', harm: () => changed((record) => ({ ...record, sealed: flipped(record['sealed']) })) },
    { title: 'another nonce', harm: () => changed((record) => ({ ...record, nonce: flipped(record['nonce']) })) },
    { title: 'cut short', harm: () => changed((record) => ({ ...record, sealed: cut(record['sealed']) })) },
    { title: 'a nonce cut short', harm: () => changed((record) => ({ ...record, nonce: cut(record['nonce']) })) },
    { title: 'no value', harm: () => changed(({ v, keyId, nonce }) => ({ v, keyId, nonce })) },
    { title: 'of a newer version', harm: () => changed((record) => ({ ...record, v: 2 })) },
    { title: 'no record', harm: () => overwrite('a', `{"v":1,"keyId":"${VALUE}`) },
    { title: 'not text', harm: () => overwrite('a', '\0\0\0') },
    {
      title: 'under the name of another key',
      harm: () => changed((record) => ({ ...record, keyId: 'feedfeedfeedfeed' })),
    },
    { title: 'copied from another name', harm: async () => overwrite('a', await rawOf('b')) },
  ];

  test.each(harms)('a value that is $title: internal, and nothing of it is told', async ({ harm }) => {
    const store = openStore();
    await store.put('a', VALUE);
    await store.put('b', VALUE);
    await harm();
    const failure = await failureOf(store.get('a'));
    expect(failure).toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/^A (stored secret|sealed value)/) as string,
    });
    for (const hidden of [VALUE, key]) expect(everythingOf(failure)).not.toContain(hidden.slice(0, 12));
    expect(await store.get('b')).toBe(VALUE);
  });

  test('a node with another key reads nothing, tells nothing, and seals nothing that others could not read', async () => {
    await openStore().put('a', VALUE);
    const other = aKey();
    const stranger = openStore(other);
    const failure = await failureOf(stranger.get('a'));
    expect(failure).toMatchObject({ code: 'internal', message: 'A stored secret cannot be opened.' });
    const refusal = await failureOf(stranger.put('a', 'mine'));
    expect(refusal).toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
    for (const hidden of [VALUE, key, other]) {
      expect(everythingOf(failure)).not.toContain(hidden);
      expect(everythingOf(refusal)).not.toContain(hidden);
    }
    expect(await openStore().get('a')).toBe(VALUE);
  });

  test('a value that is refused is not told either', async () => {
    for (const value of [VALUE.repeat(20_000), `${VALUE}\ud800`]) {
      expect(everythingOf(await failureOf(openStore().put('a', value)))).not.toContain(VALUE);
    }
  });
});

describe('keys as text', () => {
  const good = Buffer.alloc(32, 7).toString('base64');

  test.each([
    { title: 'nothing', text: '' },
    { title: 'only comments', text: '# nothing\n  # here' },
    { title: 'too short', text: 'c2hvcnQ=' },
    { title: '31 bytes in base64', text: Buffer.alloc(31, 7).toString('base64') },
    { title: '33 bytes in base64', text: Buffer.alloc(33, 7).toString('base64') },
    { title: 'hex with a character too few', text: 'a'.repeat(63) },
    { title: 'hex with another letter', text: `${'a'.repeat(63)}g` },
    { title: '32 plain characters', text: 'changemechangemechangemechangeme' },
    { title: 'good, then bad', text: `${good}\nnot a key` },
  ])('$title: refused with the place and what is expected, without the text', ({ text }) => {
    const read = () => fixedKeyRing(text, 'GOFER_SECRET_KEY');
    expect(read).toThrow(/^GOFER_SECRET_KEY.*expected 32 random bytes as base64/);
    try {
      read();
    } catch (error) {
      if (text.length > 10) expect(everythingOf(error)).not.toContain(text.slice(-10));
    }
  });

  test('comments, empty lines and commas are fine; a key that stands twice counts where it stands last', () => {
    const other = Buffer.alloc(32, 8).toString('hex');
    const ring = fixedKeyRing(`# first\n${good}\n\n ${other} , ${good} # again\n`, 'TEST_KEYS');
    expect(ring.keys().map(({ id }) => id)).toEqual(
      [other, good].map((text) => fixedKeyRing(text, 'TEST_KEYS').keys()[0]?.id),
    );
  });

  test('a key does not show when it is printed', () => {
    const shown = everythingOf(fixedKeyRing(good, 'TEST_KEYS').keys());
    expect(shown).not.toContain(good);
    expect(shown).not.toContain('0707');
  });
});
