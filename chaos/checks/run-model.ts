// What a run is to somebody who starts, cancels, reads and retries it, if all of that were one plain program. The system moves the run
// on by itself, at times that nobody sees; so a read tells how far it has come, and the model only demands that it never goes back.

import type { RunSeen, RunStatus } from './evidence.ts';
import type { SequentialModel } from './wgl.ts';

export type RunInput =
  | { readonly op: 'start' }
  | { readonly op: 'get' }
  | { readonly op: 'cancel' }
  /** Makes another run; of this one it says how it stood. */
  | { readonly op: 'retry' };

export type RunOutput =
  | { readonly answer: 'started'; readonly runId: number }
  | { readonly answer: 'seen'; readonly run: RunSeen }
  | { readonly answer: 'cancelled' }
  | { readonly answer: 'retried' }
  | { readonly answer: 'not found' }
  /** The retry was refused. */
  | { readonly answer: 'not over' }
  | { readonly answer: 'was successful' };

/** `unsuccessful`: over, and not well, but nobody has looked at which of the two it is. */
type Status = RunStatus | 'unsuccessful';

export interface RunModelState {
  /** 0 = there is no run; 1 pending, 2 running, 3 complete. */
  readonly progress: 0 | 1 | 2 | 3;
  /** 0 = not seen yet. */
  readonly runId: number;
  readonly status: Status;
  readonly cancelAsked: boolean;
}

const PROGRESS = { pending: 1, running: 2, complete: 3 } as const;
const COMPLETE = 3;

export const RUN_MODEL: SequentialModel<RunModelState, RunInput, RunOutput> = {
  initial: { progress: 0, runId: 0, status: 'unknown', cancelAsked: false },
  key: ({ progress, runId, status, cancelAsked }) => `${progress} ${runId} ${status} ${cancelAsked}`,
  step(state, input, output) {
    switch (input.op) {
      case 'start':
        return start(state, output);
      case 'get':
        return get(state, output);
      case 'cancel':
        return cancel(state, output);
      case 'retry':
        return retry(state, output);
    }
  },
};

/** Starting again under the same key gives the same run. */
function start(state: RunModelState, output: RunOutput | undefined): RunModelState | null {
  const begun: RunModelState = state.progress === 0 ? { ...state, progress: 1 } : state;
  if (output === undefined) return begun;
  return output.answer === 'started' ? named(begun, output.runId) : null;
}

function named(state: RunModelState, runId: number): RunModelState | null {
  if (state.runId === 0) return { ...state, runId };
  return state.runId === runId ? state : null;
}

function get(state: RunModelState, output: RunOutput | undefined): RunModelState | null {
  if (output === undefined) return state;
  if (output.answer === 'not found') return state.progress === 0 ? state : null;
  if (output.answer !== 'seen' || state.progress === 0) return null;
  const { run } = output;
  const progress = PROGRESS[run.state];
  if (progress < state.progress) return null;
  const same = named(state, run.runId);
  if (same === null || progress < COMPLETE) return same === null ? null : { ...same, progress };
  return over(same, run.status);
}

function over(state: RunModelState, status: Status): RunModelState | null {
  if (status === 'unknown') return null;
  // Nobody but a client cancels, so there must have been one.
  if (status === 'cancelled' && !state.cancelAsked) return null;
  if (state.progress < COMPLETE) return { ...state, progress: COMPLETE, status };
  if (state.status === status) return state;
  if (status === 'unsuccessful') return state.status === 'successful' ? null : state;
  return state.status === 'unsuccessful' && status !== 'successful' ? { ...state, status } : null;
}

function cancel(state: RunModelState, output: RunOutput | undefined): RunModelState | null {
  if (output?.answer === 'not found') return state.progress === 0 ? state : null;
  if (output !== undefined && output.answer !== 'cancelled') return null;
  if (state.progress === 0) return output === undefined ? state : null;
  return state.progress === COMPLETE ? state : { ...state, cancelAsked: true };
}

function retry(state: RunModelState, output: RunOutput | undefined): RunModelState | null {
  if (output === undefined) return state;
  if (output.answer === 'not found') return state.progress === 0 ? state : null;
  if (state.progress === 0) return null;
  if (output.answer === 'retried') return over(state, 'unsuccessful');
  if (output.answer === 'was successful') return over(state, 'successful');
  return output.answer === 'not over' && state.progress < COMPLETE ? state : null;
}
