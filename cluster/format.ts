// The version gate: in which form records are written while builds of two versions work together. The form is recorded once for
// the cluster and only ever raised, by the leader, when all live members can read the higher one. A build that cannot read
// the recorded form stays out. Each joining rewrites the record unchanged, so a raise that did not see the newcomer is refused.

import { keys } from '../store/keys.ts';
import type { Member, RecordFormats } from '../store/model/cluster.ts';
import { AppError, isAppError } from '../store/model/errors.ts';
import { formatRecord } from '../store/records/cluster-records.ts';
import type { Compare, Write } from '../store/state/port.ts';
import type { LeaderDuty, Leadership } from './leadership.ts';
import type { ClusterLog, ClusterTimings } from './timings.ts';
import type { Sight } from './sight.ts';
import type { StoreLine } from './store-line.ts';
import type { ClusterView } from './view.ts';
import { createBell, pause } from './waiting.ts';

/** The forms that this build reads and writes. Raise `max` with the first record that an older build cannot read. */
export const RECORD_FORMATS: RecordFormats = { min: 1, max: 1 };

/** Why a build that knows `formats` must stay out of a cluster that writes `active`; null = it may join. */
export function formatRefusal(formats: RecordFormats, active: number): string | null {
  const known = formats.min === formats.max ? `form ${formats.max}` : `forms ${formats.min} to ${formats.max}`;
  if (active > formats.max) {
    return (
      `This cluster writes its records in form ${active}, and this build of Gofer knows ${known} only. ` +
      'Start a build at least as new as the newest one that this cluster ran on.'
    );
  }
  if (active < formats.min) {
    return (
      `This cluster still writes its records in form ${active}, and this build of Gofer knows ${known} only. ` +
      'Upgrade all nodes to a version in between first.'
    );
  }
  return null;
}

export function checkFormat(formats: RecordFormats, active: number): void {
  const refusal = formatRefusal(formats, active);
  if (refusal !== null) throw new AppError('invalid', refusal);
}

/** The form to raise to; null = leave it. */
export function formatToRaise(active: number, members: readonly Pick<Member, 'formats'>[]): number | null {
  if (members.length === 0) return null;
  const common = Math.min(...members.map(({ formats }) => formats.max));
  const readable = members.every(({ formats }) => formats.min <= common);
  return common > active && readable ? common : null;
}

/** What a joining transaction carries, so that it and a raise exclude each other. */
export function formatTouch({ format }: Sight): { readonly compare: Compare; readonly write: Write } {
  return {
    compare: { target: 'mod', key: keys.format(), equals: format.modRevision },
    write: { op: 'put', key: keys.format(), value: formatRecord.encode({ active: format.active }) },
  };
}

export interface FormatDutyDeps {
  readonly line: StoreLine;
  readonly view: ClusterView;
  readonly timings: ClusterTimings;
  readonly log: ClusterLog;
}

export function createFormatDuty(deps: FormatDutyDeps): LeaderDuty {
  return { name: 'record format', run: (leadership) => raiseWhenAllKnow(deps, leadership) };
}

async function raiseWhenAllKnow({ line, view, timings, log }: FormatDutyDeps, leadership: Leadership): Promise<void> {
  const bell = createBell();
  const { signal } = leadership;
  const silence = view.tell(bell);
  try {
    while (!signal.aborted) {
      await raise();
      await bell.wait(timings.pollMs, signal);
    }
  } finally {
    silence();
  }

  async function raise(): Promise<void> {
    const sight = view.sight();
    const members = sight.members.map(({ member }) => member);
    const wanted = formatToRaise(sight.format.active, members);
    if (wanted === null) return;
    const { compare } = formatTouch(sight);
    const value = formatRecord.encode({ active: wanted });
    try {
      const writes = [{ op: 'put', key: keys.format(), value }] as const;
      const { succeeded } = await line.commit({ compares: [leadership.fence, compare], writes });
      if (succeeded) log.info({ from: sight.format.active, to: wanted }, 'record format raised');
    } catch (error) {
      if (!isAppError(error, 'unavailable')) throw error;
    }
    await pause(timings.retryMs, signal);
  }
}
