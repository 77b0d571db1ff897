// LINEAR: what clients were told of one run fits one order of their calls. Each run is judged by itself, which is sound, since no
// call is about two; a retry is the old run's question and the new run's beginning.

import type { Check, Evidence, Operation, Violation } from './evidence.ts';
import { RUN_MODEL } from './run-model.ts';
import type { RunInput, RunModelState, RunOutput } from './run-model.ts';
import { STEPS_MAX, checkLinearizable } from './wgl.ts';
import type { SequentialModel, TimedOperation } from './wgl.ts';

type RunOperation = TimedOperation<RunInput, RunOutput>;

export const LINEAR: Check = {
  id: 'LINEAR',
  promise: 'Start, cancel, get and retry of a run are linearizable, through whichever nodes they went.',
  judge: (evidence) => judgeRuns(evidence, RUN_MODEL, STEPS_MAX),
};

/** With another model or limit, for tests of the judging itself. */
export function judgeRuns(
  { operations }: Pick<Evidence, 'operations'>,
  model: SequentialModel<RunModelState, RunInput, RunOutput>,
  stepsMax: number,
): readonly Violation[] {
  return [...byRun(operations)].flatMap(([key, ofRun]) => {
    const verdict = checkLinearizable(model, ofRun, { stepsMax });
    if (verdict === 'linearizable') return [];
    const what =
      verdict === 'illegal'
        ? `no order of its ${ofRun.length} calls explains their answers`
        : `whether its ${ofRun.length} calls are linearizable was not found in ${stepsMax} steps`;
    return [{ check: 'LINEAR', subject: key, what, at: ofRun[0]?.call ?? null }];
  });
}

function byRun(operations: readonly Operation[]): ReadonlyMap<string, readonly RunOperation[]> {
  const runs = new Map<string, RunOperation[]>();
  for (const operation of operations) {
    for (const { key, ...timed } of runOperations(operation)) {
      const known = runs.get(key);
      if (known === undefined) runs.set(key, [timed]);
      else known.push(timed);
    }
  }
  return runs;
}

function runOperations(operation: Operation): readonly (RunOperation & { readonly key: string })[] {
  const { key, call } = operation;
  const ret = operation.ret ?? Infinity;
  const one = (op: RunInput['op'], output: RunOutput | undefined) => ({ key, input: { op }, output, call, ret });
  switch (operation.op) {
    case 'start':
      // A refused start had no effect and says nothing of the run.
      if (ret !== Infinity && operation.out === undefined) return [];
      return [one('start', operation.out && { answer: 'started', runId: operation.out.runId })];
    case 'get':
      if (ret === Infinity) return [];
      return [
        one('get', operation.out === undefined ? refusal(operation.err) : { answer: 'seen', run: operation.out }),
      ];
    case 'cancel':
      return [one('cancel', operation.out === undefined ? refusal(operation.err) : { answer: 'cancelled' })];
    case 'retry': {
      if (ret === Infinity || operation.out === undefined) {
        const begun = ret === Infinity ? [{ ...one('start', undefined), key: operation.in.newKey }] : [];
        return [one('retry', refusal(operation.err)), ...begun].filter(({ output }) => ret === Infinity || output);
      }
      const started: RunOutput = { answer: 'started', runId: operation.out.runId };
      return [one('retry', { answer: 'retried' }), { ...one('start', started), key: operation.in.newKey }];
    }
    case 'put':
    case 'read':
    case 'log':
      return [];
  }
}

/** Undefined = it says nothing about the run. */
function refusal(err: string | undefined): RunOutput | undefined {
  if (err === 'not found') return { answer: 'not found' };
  if (err === 'not over') return { answer: 'not over' };
  return err === 'was successful' ? { answer: 'was successful' } : undefined;
}
