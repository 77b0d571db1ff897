// The attempts whose bodies run, as far as this engine knows of them: its own ones and adopted ones alike. One shared timer
// looks after them all: it notes when their logs grew, and notices what nobody tells (the end of an adopted body, a killed
// supervisor). The ends of own bodies are told by their supervisors, at once.

import { appendFile } from 'node:fs/promises';
import { errorText } from '../../../store/model/errors.ts';
import type { AttemptId, Instant } from '../../../store/model/ids.ts';
import { formatIndexEntry } from './attempt-parse.ts';
import type { ProcessMark } from './attempt-parse.ts';
import { sizeOf } from './attempt-files.ts';
import type { Finding } from './attempt-inspection.ts';
import type { AttemptStore } from './attempt-store.ts';
import { exists } from './host-processes.ts';
import type { LauncherLog } from './launcher.ts';

const TICK_MS = 100;
/** After a tick that failed: a disk in trouble is not hammered, nor is the log. */
const TROUBLE_PAUSE_MS = 5_000;
/** Looked after in one tick; more take turns. One costs about 10 us, so this keeps a tick below 5 ms. */
const LOOKS_PER_TICK = 500;
/** A number that was given to another process is noticed this late. */
const IDENTITY_EVERY_TICKS = 50;

export interface LiveAttempt {
  readonly id: AttemptId;
  readonly startedAt: Instant;
  readonly bodyPid: number;
  /** Unknown for an own attempt until it is first looked after; null when the supervisor is dead and the body goes on. */
  supervisor: ProcessMark | null | undefined;
  stdout: number;
  stderr: number;
}

export interface LiveAttemptsDeps {
  readonly store: AttemptStore;
  readonly now: () => Instant;
  readonly log: LauncherLog;
  /** The attempt may have ended: the disk tells. Returns what it told. */
  readonly settle: (id: AttemptId) => Promise<Finding>;
}

export interface LiveAttempts {
  get(id: AttemptId): LiveAttempt | undefined;
  add(attempt: Pick<LiveAttempt, 'id' | 'startedAt' | 'bodyPid' | 'supervisor'>): void;
  /** True when it was there. */
  delete(id: AttemptId): boolean;
  close(): void;
}

export function createLiveAttempts(deps: LiveAttemptsDeps): LiveAttempts {
  const { store, log, settle } = deps;
  const attempts = new Map<AttemptId, LiveAttempt>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  let ticks = 0;
  let turn: IterableIterator<LiveAttempt> = attempts.values();

  function schedule(pauseMs = TICK_MS): void {
    if (closed || timer !== null || attempts.size === 0) return;
    timer = setTimeout(() => {
      tick().then(
        () => {
          timer = null;
          schedule();
        },
        (error: unknown) => {
          timer = null;
          log.warn({ error: errorText(error) }, 'running attempts could not be looked after');
          schedule(TROUBLE_PAUSE_MS);
        },
      );
    }, pauseMs);
    timer.unref();
  }

  async function tick(): Promise<void> {
    ticks += 1;
    const thorough = ticks % IDENTITY_EVERY_TICKS === 0;
    for (let looks = Math.min(LOOKS_PER_TICK, attempts.size); looks > 0; looks -= 1) {
      let next = turn.next();
      if (next.done === true) {
        turn = attempts.values();
        next = turn.next();
      }
      if (next.done === true || closed) return;
      await look(next.value, thorough);
    }
  }

  async function look(attempt: LiveAttempt, thorough: boolean): Promise<void> {
    await noteGrowth(attempt, deps);
    const watched = attempt.supervisor?.pid ?? attempt.bodyPid;
    const quiet = attempt.supervisor !== undefined && !thorough && exists(watched);
    if (quiet && sizeOf(store.paths(attempt.id).end) === 0) return;
    const found = await settle(attempt.id);
    if (found.state === 'running') attempt.supervisor = found.supervisor;
  }

  return {
    get: (id) => attempts.get(id),
    add(attempt) {
      if (closed || attempts.has(attempt.id)) return;
      attempts.set(attempt.id, { ...attempt, stdout: 0, stderr: 0 });
      schedule();
    },
    delete: (id) => attempts.delete(id),
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      attempts.clear();
    },
  };
}

/** Notes when the log grew, for readers that come later. */
async function noteGrowth(attempt: LiveAttempt, { store, now, log }: LiveAttemptsDeps): Promise<void> {
  const paths = store.paths(attempt.id);
  const [stdout, stderr] = [sizeOf(paths.stdout), sizeOf(paths.stderr)];
  if (stdout === attempt.stdout && stderr === attempt.stderr) return;
  attempt.stdout = stdout;
  attempt.stderr = stderr;
  try {
    await appendFile(paths.index, formatIndexEntry({ at: now(), stdout, stderr }));
  } catch (error) {
    // Without the entry the bytes get a later time; they are not lost.
    log.warn({ attemptId: attempt.id, error: errorText(error) }, 'log index could not be written');
  }
}
