// The embedded state store on a disk that is full or fails: it refuses, stays readable, takes writes again when it can, and
// never loses what it acknowledged. A failed fdatasync that fails the commit is also the proof that a commit waits for it.

import { describe, expect, test } from 'vitest';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { childScript } from '../child-script.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { canStrace } from './strace.ts';

interface Full {
  readonly kept: readonly string[];
  readonly whenFull: number;
  readonly isReadable: boolean;
  readonly isRoomMade: boolean;
  readonly outcomes: readonly unknown[];
}

test('a full disk refuses writes as not applied, keeps reads, and takes writes again after deletes', async () => {
  await using directory = await temporaryDirectory();
  const { kept, whenFull, ...rest } = await runChild<Full>('integration/state-full.ts', [directory.path]);
  expect(rest).toEqual({ isReadable: true, isRoomMade: true, outcomes: ['not_applied'] });
  expect(whenFull).toBeGreaterThan(10);
  expect(await keysIn(directory.path)).toEqual([...kept].sort());
});

interface Failing {
  readonly acknowledged: readonly string[];
  readonly failed: readonly (readonly [string, unknown])[];
  readonly isReadable: boolean;
}

const inject = (calls: string, fault: string) => ['-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`];
const WRITES = 'pwrite64,pwritev,writev';

/**
 * What fails, how, and whether each commit fails meanwhile. strace counts `when` for each thread of the pool, so which commits
 * are hit is open. A commit's last write is that of the header, after which LMDB itself hangs until it is opened anew: the
 * numbers meet it too. Where a small write still succeeds afterwards, the outcome is certain.
 */
const FAULTS = [
  ['every fdatasync, with EIO', inject('fdatasync', 'error=EIO'), 'unknown', true],
  ['the first fdatasync, with EIO', inject('fdatasync', 'error=EIO:when=1'), 'not_applied', false],
  ['every write, with ENOSPC', inject(WRITES, 'error=ENOSPC'), 'not_applied', true],
  ['the first write, with EIO', inject(WRITES, 'error=EIO:when=1'), 'not_applied', false],
  ['the second write, with EIO', inject(WRITES, 'error=EIO:when=2'), 'not_applied', false],
  ['the third write, with EIO', inject(WRITES, 'error=EIO:when=3'), 'not_applied', false],
] as const;

describe.each(canStrace() ? FAULTS : [])('a disk that fails', (name, options, outcome, isTotal) => {
  test(`${name}: refused, readable, sound afterwards, nothing acknowledged is lost`, async () => {
    await using directory = await temporaryDirectory();
    const child = await runChild<Failing>('integration/state-failing-disk.ts', [directory.path, ...options]);
    expect(child.isReadable).toBe(true);
    if (isTotal) expect(child.failed).toHaveLength(8);
    expect(child.failed.length).toBeGreaterThan(0);
    // Recovery writes too, so a fault that is not total may hit it as well.
    for (const [, told] of child.failed) expect(isTotal ? [outcome] : [outcome, 'unknown']).toContain(told);
    expect(child.acknowledged).toEqual(expect.arrayContaining(['before', 'after-1', 'after-2']));
    const refused = child.failed.filter(([, told]) => told === 'not_applied').map(([key]) => key);
    const there = await keysIn(directory.path);
    expect(there).toEqual(expect.arrayContaining([...child.acknowledged]));
    expect(there.filter((key) => refused.includes(key))).toEqual([]);
  });
});

/** Runs it to its end and gives the line that it printed. */
async function runChild<Told>(file: string, parameters: readonly string[]): Promise<Told> {
  await using script = await childScript(file);
  const child = script.start(...parameters);
  let told = '';
  for await (const line of child.lines) told = line;
  await child.kill();
  return JSON.parse(told) as Told;
}

async function keysIn(directory: string): Promise<string[]> {
  const store = await openLmdbStore({ directory });
  const { kvs } = await store.range({ start: '', end: '~' }, { keysOnly: true });
  await store.close();
  return kvs.map((kv) => kv.key);
}
