// What a container's state means for its attempt. Pure.
//
//   created, no error    the name is taken; whether a start follows only the one who created it knows
//   created, with error  the start failed: the body never ran
//   started, not ended   the body runs
//   started, ended       the body is over: exit code, our own signal, or out of memory
//
// A daemon that died while it started a container finds the body when it is back, but not when it began: such a container runs, or has
// ended, and was "never started".

import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../store/model/run.ts';
import type { AttemptReport } from '../port.ts';
import type { Container } from './answers-parse.ts';

/** A shell's way to tell of a signal, which Docker uses as well. */
const SIGNAL_BASE = 128;
const SIGNAL_NUMBERS = { SIGKILL: 9, SIGTERM: 15 } as const;
export type SentSignal = keyof typeof SIGNAL_NUMBERS;

/** Longest reason that is recorded; the daemon's own texts are short, but a plugin's may not be. */
const WHY_LENGTH_MAX = 1_000;

export function wasStarted({ startedAt, running, finishedAt, error }: Container): boolean {
  return startedAt > 0 || (error === '' && (running || finishedAt > 0));
}

/** Its removal had begun when the daemon was killed: only the rest of it can be removed, nothing of it can be read. */
export function isHalfRemoved({ status }: Container): boolean {
  return status === 'dead';
}

/** The body never ran: the daemon says why. */
export function startFailed(container: Container): boolean {
  return !wasStarted(container) && (container.error !== '' || container.exitCode !== 0);
}

/** Created, and neither started nor failed: a start may be on its way, or may never come. */
export function isLeftover(container: Container): boolean {
  return !wasStarted(container) && !startFailed(container);
}

/** `sent`: the signals that we sent to it. Docker cannot tell a kill from an `exit 137`, so only our own are known. */
export function reportOf(id: AttemptId, container: Container, sent: ReadonlySet<SentSignal>): AttemptReport {
  if (!wasStarted(container)) {
    if (!startFailed(container)) return { id, state: 'pending', note: 'container is created, not started yet' };
    return notStarted(id, { at: container.createdAt, why: startProblem(container.error) });
  }
  const { finishedAt } = container;
  const startedAt = container.startedAt > 0 ? container.startedAt : container.createdAt;
  if (container.running || finishedAt === 0) return { id, state: 'running', startedAt };
  // Docker notes the start when its own call returns: a short body has ended before that.
  return { id, state: 'ended', startedAt, endedAt: Math.max(startedAt, finishedAt), end: endOf(container, sent) };
}

export function notStarted(id: AttemptId, { at, why }: { readonly at: number; readonly why: string }): AttemptReport {
  return {
    id,
    state: 'ended',
    startedAt: 0,
    endedAt: at,
    end: { kind: 'not_started', why: why.slice(0, WHY_LENGTH_MAX) },
  };
}

export function lost(id: AttemptId, { at, why }: { readonly at: number; readonly why: string }): AttemptReport {
  return { id, state: 'ended', startedAt: 0, endedAt: at, end: { kind: 'lost', why } };
}

/** The part of runc's long chain of wrappers that tells a user something. */
export function startProblem(message: string): string {
  const inner = /(?:starting container process caused|unable to start container process): (.+?)(?:: unknown)?$/s.exec(
    message,
  );
  return (inner?.[1] ?? message.replace(/^failed to create (?:shim )?task[^:]*: /, '')).trim() || 'the start failed';
}

function endOf({ exitCode, oomKilled }: Container, sent: ReadonlySet<SentSignal>): AttemptEnd {
  // Set also when only a child was killed: a body that copes with that and ends well has not run out of memory.
  if (oomKilled && exitCode !== 0) return { kind: 'out_of_memory' };
  for (const signal of sent) {
    if (exitCode === SIGNAL_BASE + SIGNAL_NUMBERS[signal]) return { kind: 'signalled', signal };
  }
  return { kind: 'exited', code: exitCode };
}
