// The etcd backend while members of a real cluster are killed and paused: what was acknowledged stays, watches miss nothing and tell
// nothing twice, and calls go on at the members that are left.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { isAppError } from '../../store/model/errors.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { freshKeys, put, record } from '../conformance/state-world.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { eventually } from '../eventually.ts';
import { canStrace } from './strace.ts';

/** A new leader among the members, and clients that find it, on a busy machine. */
const HEAL_MS = 20_000;
const WRITES = 40;

let cluster: EtcdCluster;
let store: EtcdStore;
beforeEach(async () => {
  cluster = await startEtcd();
  store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'faults/' });
});
afterEach(async () => {
  await store.close();
  await cluster[Symbol.asyncDispose]();
});

/** Writes keys one after the other, each until it is acknowledged, and says which revisions that took. */
async function writeAll(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await eventually(async () => {
      const { succeeded } = await store.commit({
        compares: [{ target: 'create', key: name, equals: 0 }],
        writes: [put(name, 'x')],
      });
      // A write whose outcome was unknown may be there already.
      expect(succeeded || (await store.get(name)) !== null).toBe(true);
    }, HEAL_MS);
  }
}

test.each([
  ['killed', (n: number) => cluster.members[n]?.kill(), (n: number) => cluster.members[n]?.start()],
  ['paused', (n: number) => cluster.members[n]?.pause(), (n: number) => cluster.members[n]?.resume()],
] as const)(
  'each member in turn is %s: all acknowledged writes are there, and a watch tells each once, in order',
  { timeout: 120_000 },
  async (_name, hurt, heal) => {
    const { at, all } = freshKeys();
    const watch = await record(store, all);
    const names: string[] = [];
    for (let member = 0; member < 3; member += 1) {
      await hurt(member);
      const round = Array.from({ length: WRITES }, (_, n) => at(`${member}-${String(n).padStart(3, '0')}`));
      await writeAll(round);
      names.push(...round);
      await heal(member);
    }
    const { kvs } = await store.range(all, { keysOnly: true });
    expect(kvs.map(({ key }) => key)).toEqual([...names].sort());
    await eventually(() => {
      const told = watch.events().map((event) => (event.type === 'put' ? event.kv.key : `- ${event.key}`));
      expect(told).toEqual(names);
    }, HEAL_MS);
    watch.stop();
    expect(await watch.over).toBeNull();
  },
);

test(
  'with no majority left calls are refused as unavailable, and work again when it is back',
  { timeout: 90_000 },
  async () => {
    const { at } = freshKeys();
    await writeAll([at('before')]);
    const [first, second] = cluster.members;
    await first?.kill();
    await second?.kill();
    const refused = await store
      .commit({ compares: [], writes: [put(at('lost'), '')] })
      .catch((error: unknown) => error);
    expect(isAppError(refused, 'unavailable')).toBe(true);
    await expect(store.get(at('before'))).rejects.toMatchObject({ code: 'unavailable' });
    await eventually(() => {
      const { status, problems } = store.health();
      expect({ status, codes: problems.map(({ code }) => code) }).toEqual({
        status: 'unavailable',
        codes: ['no_quorum', 'member_down', 'member_down'],
      });
    }, HEAL_MS);
    await first?.start();
    await eventually(async () => expect(await store.get(at('before'))).not.toBeNull(), HEAL_MS);
    await writeAll([at('after')]);
    await eventually(() => expect(store.health().status).toBe('degraded'), HEAL_MS);
    await second?.start();
    await eventually(() => expect(store.health()).toMatchObject({ status: 'ok', problems: [] }), HEAL_MS);
  },
);

test(
  'many writes at once while members are killed: each is applied once or not at all, as it was told',
  { timeout: 120_000 },
  async () => {
    const { at, all } = freshKeys();
    const [member] = cluster.members;
    const known = new Map<string, boolean>();
    const round = async (number: number) => {
      const names = Array.from({ length: 60 }, (_, n) => at(`${number}-${n}`));
      await Promise.all(
        names.map(async (name) => {
          try {
            const { succeeded } = await store.commit({
              compares: [{ target: 'create', key: name, equals: 0 }],
              writes: [put(name, 'x')],
            });
            known.set(name, succeeded);
          } catch (error) {
            if (isAppError(error) && error.outcome === 'not_applied') known.set(name, false);
          }
        }),
      );
    };
    for (let number = 0; number < 12; number += 1) {
      const work = round(number);
      if (number % 4 === 1) await member?.kill();
      if (number % 4 === 3) await member?.start();
      await work;
    }
    const found = await eventually(() => store.range(all, { keysOnly: true }), HEAL_MS);
    const there = new Set(found.kvs.map(({ key }) => key));
    expect(known.size).toBeGreaterThan(300);
    for (const [name, applied] of known) expect([name, there.has(name)]).toEqual([name, applied]);
    expect(found.kvs.every(({ version }) => version === 1)).toBe(true);
  },
);

describe.skipIf(!canStrace())('slow disks', () => {
  test('members with slow disks: writes take long and are told to, nothing is lost, and it passes', async () => {
    const { at, all } = freshKeys();
    const names = Array.from({ length: 6 }, (_, n) => at(String(n)));
    await writeAll([at('before')]);
    const ends = await Promise.all(cluster.members.map(({ pid }) => slowDisk(pid)));
    try {
      await writeAll(names);
      const { problems, status } = store.health();
      expect({ status, problems }).toMatchObject({ status: 'degraded', problems: [{ code: 'slow' }] });
      expect(problems[0]?.message).toMatch(/Writes take \d+ ms.*disk/);
    } finally {
      await Promise.all(ends.map((end) => end()));
    }
    await eventually(async () => {
      await writeAll([at(`after-${Math.random()}`)]);
      expect(store.health().status).toBe('ok');
    }, HEAL_MS);
    expect((await store.range(all)).kvs.map(({ key }) => key)).toEqual(expect.arrayContaining(names));
  });
});

/** Delays each flush of the process by a quarter of a second, until what it gives is called. */
async function slowDisk(pid: number): Promise<() => Promise<void>> {
  const inject = ['-e', 'trace=fdatasync,fsync', '-e', 'inject=fdatasync,fsync:delay_exit=250000'];
  const strace = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...inject, '-p', String(pid)], { stdio: 'ignore' });
  const gone = once(strace, 'exit');
  await eventually(async () => {
    expect(await readFile(`/proc/${pid}/status`, 'utf8')).toContain(`TracerPid:\t${strace.pid}\n`);
  });
  return async () => {
    strace.kill('SIGINT');
    await gone;
  };
}

test('an etcd that is not there: a watch is refused in time, and one that was in place waits for it', async () => {
  const { at, all } = freshKeys();
  const watch = await record(store, all);
  await Promise.all(cluster.members.map((member) => member.kill()));
  await expect(record(store, all)).rejects.toMatchObject({ code: 'unavailable' });
  await Promise.all(cluster.members.map((member) => member.start()));
  await writeAll([at('after')]);
  await eventually(() => expect(watch.events()).toHaveLength(1), HEAL_MS);
  watch.stop();
});

test('an address where nobody listens is passed over', async () => {
  const other = createEtcdStore({ endpoints: ['http://127.0.0.1:1', ...cluster.endpoints], prefix: 'faults/' });
  const { at, all } = freshKeys();
  try {
    const watch = await record(other, all);
    const { succeeded } = await other.commit({ compares: [], writes: [put(at('a'), '1')] });
    expect(succeeded).toBe(true);
    expect((await other.get(at('a')))?.value).toBe('1');
    await eventually(() => expect(watch.events()).toHaveLength(1));
    watch.stop();
  } finally {
    await other.close();
  }
});

test('two prefixes do not see each other', async () => {
  const other = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'others/' });
  const { at, all } = freshKeys();
  try {
    await store.commit({ compares: [], writes: [put(at('a'), 'mine')] });
    await other.commit({ compares: [], writes: [put(at('a'), 'theirs')] });
    expect((await store.get(at('a')))?.value).toBe('mine');
    expect((await other.range(all)).kvs).toMatchObject([{ key: at('a'), value: 'theirs', version: 1 }]);
  } finally {
    await other.close();
  }
});
