// Where changes of attempts go to: the one listener, in order for each attempt, and nothing after its end.

import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptReport, EngineListener } from '../port.ts';

/** Attempts of which we remember what was told. Forgetting one costs a repetition, which the port allows. */
const TOLD_MAX = 20_000;

const RANK: Readonly<Record<AttemptReport['state'], number>> = { unknown: 0, pending: 1, running: 2, ended: 3 };

export interface Hub {
  attach(listener: EngineListener, signal: AbortSignal): void;
  tell(report: AttemptReport): void;
  missed(why: string): void;
  hasEnded(id: AttemptId): boolean;
}

export function createHub(): Hub {
  let current: EngineListener | null = null;
  const told = new Map<AttemptId, AttemptReport>();

  return {
    attach(listener, signal) {
      if (signal.aborted) return;
      current = listener;
      // A new listener knows nothing of what the one before was told.
      told.clear();
      const leave = () => {
        if (current === listener) current = null;
      };
      signal.addEventListener('abort', leave, { once: true });
    },
    tell(report) {
      if (current === null || report.state === 'unknown' || !isNews(told.get(report.id), report)) return;
      told.delete(report.id);
      told.set(report.id, report);
      for (const oldest of told.keys()) {
        if (told.size <= TOLD_MAX) break;
        told.delete(oldest);
      }
      current.changed(report);
    },
    missed: (why) => current?.missed(why),
    hasEnded: (id) => told.get(id)?.state === 'ended',
  };
}

function isNews(before: AttemptReport | undefined, now: AttemptReport): boolean {
  if (before === undefined) return true;
  if (before.state === 'pending' && now.state === 'pending') return before.note !== now.note;
  return RANK[now.state] > RANK[before.state];
}
