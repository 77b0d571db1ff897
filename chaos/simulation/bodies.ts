// The bodies of the simulated world and the truth about them: what really ran, how often, and how it ended. Engines start and stop
// them; the checks compare what the records say with what is written here.

import { parseAttemptId } from '../../store/model/ids.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import type { AttemptEnd } from '../../store/model/run.ts';
import { createChance, hashText } from './random.ts';
import type { Cancel, Universe } from './universe.ts';

export interface BodyTruth {
  readonly id: AttemptId;
  /** How often a body was started under this id: never more than once. */
  starts: number;
  startedMs: number;
  /** Null while it runs. */
  end: AttemptEnd | null;
  /**
   * Its log cannot be had. A removal that was sent before it started arrived after it had ended, and took the log along: Docker knows no
   * "remove unless it was ever started" (settle.ts), so that cannot be helped; it takes two leaders and two late messages. Or the daemon
   * was killed while it started the body.
   */
  tracesTaken: boolean;
}

export interface RunningBody {
  readonly truth: BodyTruth;
  terminate(): void;
  kill(): void;
}

export interface Bodies {
  start(id: AttemptId, onEnd: (end: AttemptEnd) => void): RunningBody;
}

/** What a body will do, decided by its id: the same in every history of a seed. */
interface Nature {
  readonly runsMs: number;
  readonly exitCode: number;
  /** It takes so long to obey a SIGTERM; null = it does not. */
  readonly obeysAfterMs: number | null;
}

export interface BodiesDeps {
  readonly universe: Universe;
  readonly seed: number;
  /** Filled with what really happens. */
  readonly truths: Map<AttemptId, BodyTruth>;
  readonly onStart: (truth: BodyTruth) => void;
}

export function createBodies({ universe, seed, truths, onStart }: BodiesDeps): Bodies {
  function start(id: AttemptId, onEnd: (end: AttemptEnd) => void): RunningBody {
    const known = truths.get(id);
    const truth: BodyTruth = known ?? { id, starts: 0, startedMs: 0, end: null, tracesTaken: false };
    truths.set(id, truth);
    truth.starts += 1;
    truth.startedMs = universe.nowMs;
    truth.end = null;
    universe.note(() => `body ${id} starts`);
    const { runsMs, exitCode, obeysAfterMs } = natureOf(id, seed);
    let isOver = false;
    let cancels: Cancel[] = [];
    const end = (how: AttemptEnd) => {
      if (isOver) return;
      isOver = true;
      for (const cancel of cancels) cancel();
      cancels = [];
      truth.end = how;
      universe.note(() => `body ${id} ends: ${endText(how)}`);
      onEnd(how);
    };
    cancels.push(universe.after(runsMs, null, () => end({ kind: 'exited', code: exitCode })));
    onStart(truth);
    return {
      truth,
      terminate: () => {
        if (obeysAfterMs === null || isOver) return;
        cancels.push(universe.after(obeysAfterMs, null, () => end({ kind: 'signalled', signal: 'SIGTERM' })));
      },
      kill: () => end({ kind: 'signalled', signal: 'SIGKILL' }),
    };
  }

  return { start };
}

export function endText(end: AttemptEnd): string {
  switch (end.kind) {
    case 'exited':
      return `exited with ${end.code}`;
    case 'signalled':
      return `ended by ${end.signal}`;
    case 'out_of_memory':
      return 'out of memory';
    case 'not_started':
    case 'lost':
      return `${end.kind} (${end.why})`;
  }
}

/** Pipelines of the simulation say by the name of a task how it behaves: see workload.ts. */
function natureOf(id: AttemptId, seed: number): Nature {
  const chance = createChance(hashText(id, seed >>> 0), 'body');
  const task = parseAttemptId(id)?.taskId ?? '';
  const runsMs = task.startsWith('long') ? chance.between(1_500, 4_000) : chance.between(5, 700);
  const failing = task.startsWith('flaky') ? 0.5 : 0.08;
  return {
    runsMs,
    exitCode: chance.happens(failing) ? chance.whole(1, 3) : 0,
    obeysAfterMs: chance.happens(0.8) ? chance.between(1, 120) : null,
  };
}
