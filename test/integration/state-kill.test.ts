// The embedded state store under kill -9 of its process: nothing acknowledged is lost, nothing is torn, and the next process
// can open it at once.

import { describe, expect, test } from 'vitest';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { KeyValue, StateStore } from '../../store/state/port.ts';
import type { ChildScript, RunningScript } from '../child-script.ts';
import { childScript } from '../child-script.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { counterKey, STATE_WRITERS, stepKeys } from './state-writer-keys.ts';
import { canStrace } from './strace.ts';

const KILLS = 6;

test('kill -9 at any moment: no acknowledged commit is lost and none is torn', { timeout: 120_000 }, async () => {
  await using directory = await temporaryDirectory();
  await using script = await childScript('integration/state-writer.ts');
  const acknowledged = new Map<number, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const lines = 1 + Math.floor(Math.random() * 800);
    await readUntilDead(script.start(directory.path), { acknowledged, killAfterLines: lines });
    await checkSteps(directory.path, acknowledged);
  }
});

// Each commit syncs the pages first and then the header, so neighbouring numbers die before, between and after the two.
const SYNCS = [1, 2, 3, 8];

describe.skipIf(!canStrace())('kill -9', () => {
  test.each(SYNCS)('in fdatasync number %i: no acknowledged commit is lost and none is torn', async (sync) => {
    await using directory = await temporaryDirectory();
    await using script = await childScript('integration/state-writer.ts');
    const acknowledged = new Map<number, number>();
    await readUntilDead(script.start(directory.path, String(sync)), { acknowledged, killAfterLines: Infinity });
    await checkSteps(directory.path, acknowledged);
  });
});

test('a directory in use by another process is refused until that process is dead', async () => {
  await using directory = await temporaryDirectory();
  await using script = await childScript('integration/state-writer.ts');
  const holder = await startedWriter(script, directory.path);
  try {
    const { pid } = holder.process;
    const conflict = {
      code: 'conflict',
      message: expect.stringContaining(`${directory.path} is in use by process ${pid}:`) as unknown,
    };
    await expect(openLmdbStore({ directory: directory.path })).rejects.toMatchObject(conflict);
    // Frozen is not dead: it would wake up and write.
    holder.process.kill('SIGSTOP');
    await expect(openLmdbStore({ directory: directory.path })).rejects.toMatchObject(conflict);
  } finally {
    await holder.kill();
  }
  const store = await openLmdbStore({ directory: directory.path });
  await store.close();
});

test('of processes that start at once, exactly one gets the directory', async () => {
  await using directory = await temporaryDirectory();
  await using script = await childScript('integration/state-holder.ts');
  const rivals = Array.from({ length: 4 }, () => script.start(directory.path));
  const words = await Promise.all(rivals.map(firstLine));
  await Promise.all(rivals.map((rival) => rival.kill()));
  expect(words.sort()).toEqual(['conflict', 'conflict', 'conflict', 'holds']);
});

async function firstLine(script: RunningScript): Promise<string> {
  for await (const line of script.lines) return line;
  return '';
}

async function startedWriter(script: ChildScript, directory: string): Promise<RunningScript> {
  const writer = script.start(directory);
  expect(await firstLine(writer)).toMatch(/^\d+ \d+$/);
  return writer;
}

interface Reading {
  readonly acknowledged: Map<number, number>;
  readonly killAfterLines: number;
}

async function readUntilDead(writer: RunningScript, { acknowledged, killAfterLines }: Reading): Promise<void> {
  let lines = 0;
  for await (const line of writer.lines) {
    const [name, step] = line.split(' ').map(Number);
    acknowledged.set(name ?? 0, step ?? 0);
    if (++lines === killAfterLines) writer.process.kill('SIGKILL');
  }
  await writer.kill();
}

async function checkSteps(directory: string, acknowledged: ReadonlyMap<number, number>): Promise<void> {
  const store = await openLmdbStore({ directory });
  let commits = 0;
  for (let writer = 0; writer < STATE_WRITERS; writer++) {
    const last = Number((await store.get(counterKey(writer)))?.value ?? 0);
    expect(last).toBeGreaterThanOrEqual(acknowledged.get(writer) ?? 0);
    commits += last;
    const steps = Array.from({ length: last }, (_, index) => index + 1);
    for (const [place, prefix] of ['a', 'm', 'z'].entries()) {
      const kvs = await stepsOf(store, `${prefix}/${writer}/`);
      expect(kvs.map((kv) => kv.key)).toEqual(steps.map((step) => stepKeys(writer, step)[place]));
      expect(kvs.map((kv) => Number(kv.value))).toEqual(steps);
    }
  }
  // Every commit raised the revision by one, and nothing else did.
  expect((await store.range({ start: '', end: '\0' })).revision).toBe(commits);
  await store.close();
}

async function stepsOf(store: StateStore, prefix: string): Promise<readonly KeyValue[]> {
  return (await store.range({ start: prefix, end: `${prefix}~` })).kvs;
}
