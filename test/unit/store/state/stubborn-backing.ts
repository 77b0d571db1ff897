// A memory backing whose writes wait for the test and fail as it says.

import { AppError } from '../../../../store/model/errors.ts';
import { createMemoryBacking } from '../../../../store/state/memory/memory-store.ts';
import type { Backing, Commit } from '../../../../store/state/mvcc/backing.ts';

export type WriteEnd = 'done' | 'not_applied' | 'unknown, not there' | 'unknown, but there';

export interface StubbornBacking extends Backing {
  /** Groups whose write has begun and not ended. */
  readonly writing: readonly (readonly Commit[])[];
  /** Ends the oldest write that is under way. */
  end(how: WriteEnd): Promise<void>;
  /** While true, `recover` fails. */
  isBroken: boolean;
  /** What `recover` then says. */
  recovered: 'settled' | 'unsettled';
}

export function createStubbornBacking(): StubbornBacking {
  const inner = createMemoryBacking();
  const waiting: { readonly commits: readonly Commit[]; readonly finish: (how: WriteEnd) => void }[] = [];

  async function write(commits: readonly Commit[]): Promise<void> {
    const how = await new Promise<WriteEnd>((finish) => waiting.push({ commits, finish }));
    if (how === 'done' || how === 'unknown, but there') await inner.write(commits);
    if (how === 'done') return;
    const outcome = how === 'not_applied' ? 'not_applied' : 'unknown';
    throw new AppError('unavailable', 'The disk is full.', { outcome });
  }

  const backing: StubbornBacking = {
    get writing() {
      return waiting.map(({ commits }) => commits);
    },
    async end(how) {
      waiting.shift()?.finish(how);
      await new Promise((resume) => setImmediate(resume));
    },
    isBroken: false,
    recovered: 'settled',
    revision: () => inner.revision(),
    get: (key) => inner.get(key),
    scan: (range, options) => inner.scan(range, options),
    write,
    async recover() {
      if (backing.isBroken) throw new Error('still broken');
      return backing.recovered;
    },
    close: () => inner.close(),
  };
  return backing;
}
