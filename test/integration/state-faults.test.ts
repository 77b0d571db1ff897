// The embedded state store on a disk that is full or fails: it refuses, stays readable, takes writes again when it can, and
// never loses what it acknowledged. A failed fdatasync that fails the commit is also the proof that a commit waits for it.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { childScript } from '../child-script.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { canMount, smallDisk } from '../small-disk.ts';
import { canStrace } from './strace.ts';

const MIB = 1_048_576;

interface Full {
  readonly kept: readonly string[];
  readonly whenFull: number;
  readonly isReadable: boolean;
  readonly isRoomMade: boolean;
  readonly outcomes: readonly unknown[];
}

test('a full disk refuses writes as not applied, keeps reads, and takes writes again after deletes', async () => {
  await using directory = await temporaryDirectory();
  const { told } = await runChild<Full>('integration/state-full.ts', [directory.path]);
  const { kept, whenFull, ...rest } = told;
  expect(rest).toEqual({ isReadable: true, isRoomMade: true, outcomes: ['not_applied'] });
  expect(whenFull).toBeGreaterThan(10);
  expect(await keysIn(directory.path)).toEqual([...kept].sort());
});

describe.skipIf(!canMount())('a real disk', () => {
  test('that is full: refuses as not applied, also large values, stays readable, and takes writes again', async () => {
    await using disk = await smallDisk(64 * MIB);
    const store = await openLmdbStore({ directory: join(disk.path, 'state') });
    try {
      const put = (key: string, bytes: number) =>
        store.commit({ compares: [], writes: [{ op: 'put', key, value: 'x'.repeat(bytes) }] });
      await put('before', 200_000);
      disk.fill();
      for (const bytes of [10, 5_000, 200_000, 2_000_000]) {
        await expect(put('full', bytes)).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
      }
      expect((await store.get('before'))?.value).toHaveLength(200_000);
      expect(await store.get('full')).toBeNull();
      disk.makeRoom();
      for (let n = 0; n < 200; n += 1) {
        const refused = await put(`more-${n}`, 500_000).catch((error: unknown) => error);
        if (refused instanceof Error) {
          expect(refused).toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
          expect(n).toBeGreaterThan(10);
          return;
        }
      }
      throw new Error('100 MB do not fit on this disk');
    } finally {
      await store.close();
    }
  });
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

describe.skipIf(!canStrace())('a disk that fails', () => {
  test.each(FAULTS)('%s: refused, readable, sound afterwards, nothing acknowledged is lost', async (...fault) => {
    const [, options, outcome, isTotal] = fault;
    await using directory = await temporaryDirectory();
    const { told: child, aborted } = await runChild<Failing>('integration/state-failing-disk.ts', [
      directory.path,
      ...options,
    ]);
    expect(await keysIn(directory.path)).toEqual(expect.arrayContaining([...child.acknowledged]));
    if (aborted) return;
    expect(child.isReadable).toBe(true);
    if (isTotal) expect(child.failed).toHaveLength(8);
    expect(child.failed.length).toBeGreaterThan(0);
    // Recovery writes too, so a fault that is not total may hit it as well.
    for (const [, told] of child.failed) expect(isTotal ? [outcome] : [outcome, 'unknown']).toContain(told);
    expect(child.acknowledged).toEqual(expect.arrayContaining(['before', 'after-1', 'after-2']));
    const refused = child.failed.filter(([, told]) => told === 'not_applied').map(([key]) => key);
    const there = await keysIn(directory.path);
    expect(there.filter((key) => refused.includes(key))).toEqual([]);
  });
});

interface Ended<Told> {
  /** The last line that it printed. */
  readonly told: Told;
  /**
   * A failed write may end the process: lmdb-js formats its message into too small a buffer, and whether the heap's own checks see
   * it depends on what lay on the stack. Then all that counts is that nothing acknowledged is lost.
   */
  readonly aborted: boolean;
}

/** Runs it to its end. */
async function runChild<Told>(file: string, parameters: readonly string[]): Promise<Ended<Told>> {
  await using script = await childScript(file);
  const child = script.start(...parameters);
  let told = '';
  for await (const line of child.lines) told = line;
  await child.kill();
  const { signalCode, exitCode } = child.process;
  const aborted = signalCode === 'SIGABRT' || signalCode === 'SIGSEGV';
  if (!aborted) expect({ signalCode, exitCode }).not.toMatchObject({ exitCode: 1 });
  return { told: JSON.parse(told) as Told, aborted };
}

async function keysIn(directory: string): Promise<string[]> {
  const store = await openLmdbStore({ directory });
  const { kvs } = await store.range({ start: '', end: '~' }, { keysOnly: true });
  await store.close();
  return kvs.map((kv) => kv.key);
}
