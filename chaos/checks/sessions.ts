// SESSION: one client, calling one after the other, never sees a run go back, through whichever nodes its calls went.

import { outcomeOf } from './evidence.ts';
import type { Check, GetCall } from './evidence.ts';
import { groupBy } from './run-places.ts';

const PROGRESS = { pending: 1, running: 2, complete: 3 } as const;

export const SESSION: Check = {
  id: 'SESSION',
  promise: 'A client that reads a run again sees it as far on as before, or further.',
  judge: ({ operations }) => {
    const reads = operations.flatMap((call) => (call.op === 'get' && outcomeOf(call) === 'ok' ? [call] : []));
    return [...groupBy(reads, ({ proc, key }) => `${proc} ${key}`).values()].flatMap((ofSession) =>
      ofSession.flatMap((read, index) => {
        const before = ofSession[index - 1];
        if (before === undefined || (before.ret ?? Infinity) > read.call || !goesBack(before, read)) return [];
        const what = `client ${read.proc} saw ${words(before)}, then ${words(read)}`;
        return [{ check: 'SESSION', subject: read.key, what, at: read.call }];
      }),
    );
  },
};

function goesBack({ out: before }: GetCall, { out: after }: GetCall): boolean {
  if (before === undefined || after === undefined) return false;
  if (PROGRESS[after.state] < PROGRESS[before.state]) return true;
  return before.state === 'complete' && before.status !== after.status;
}

function words({ out }: GetCall): string {
  return out === undefined ? 'nothing' : `${out.state} ${out.status}`;
}
