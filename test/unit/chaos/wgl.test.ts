// The linearizability checker against brute force: all orders tried, on thousands of small histories.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLinearizable } from '../../../chaos/checks/wgl.ts';
import type { SequentialModel, TimedOperation } from '../../../chaos/checks/wgl.ts';
import { RUN_MODEL } from '../../../chaos/checks/run-model.ts';
import type { RunInput, RunOutput } from '../../../chaos/checks/run-model.ts';

type RegisterInput = { readonly write: number } | 'read';

/** A register: a read gives what was written last. */
const REGISTER: SequentialModel<number, RegisterInput, number> = {
  initial: 0,
  key: String,
  step: (state, input, output) => {
    if (input !== 'read') return input.write;
    return output === undefined || output === state ? state : null;
  },
};

/** Tries every order that the times allow, with every choice of operations without an answer that took effect. */
function bruteForce<S, I, O>(
  model: SequentialModel<S, I, O>,
  operations: readonly TimedOperation<I, O>[],
  state: S = model.initial,
): boolean {
  if (operations.every(({ ret }) => ret === Infinity)) return true;
  const earliestReturn = Math.min(...operations.map(({ ret }) => ret));
  return operations.some((operation, index) => {
    if (operation.call > earliestReturn) return false;
    const after = model.step(state, operation.input, operation.output);
    if (after === null) return false;
    return bruteForce(model, operations.toSpliced(index, 1), after);
  });
}

const times = fc.record({
  call: fc.integer({ min: 0, max: 12 }),
  lasted: fc.integer({ min: 0, max: 6 }),
  lost: fc.nat(5),
});
const timed = <I, O>(parts: fc.Arbitrary<{ readonly input: I; readonly output: O }>) =>
  fc
    .tuple(times, parts)
    .map(([{ call, lasted, lost }, { input, output }]): TimedOperation<I, O> =>
      lost === 0 ? { input, output: undefined, call, ret: Infinity } : { input, output, call, ret: call + lasted },
    );

const registerHistory = fc.array(
  timed<RegisterInput, number>(
    fc.oneof(
      fc.record({ input: fc.record({ write: fc.nat(2) }), output: fc.constant(0) }),
      fc.record({ input: fc.constant('read' as const), output: fc.nat(2) }),
    ),
  ),
  { maxLength: 6 },
);

const seen: fc.Arbitrary<RunOutput> = fc
  .record({
    runId: fc.integer({ min: 1, max: 2 }),
    state: fc.constantFrom('pending', 'running', 'complete'),
    status: fc.constantFrom('successful', 'failed', 'cancelled'),
  })
  .map(({ runId, state, status }) => ({
    answer: 'seen',
    run: { runId, state, status: state === 'complete' ? status : 'unknown' },
  }));

const runHistory = fc.array(
  timed<RunInput, RunOutput>(
    fc.oneof(
      fc.record({
        input: fc.constant<RunInput>({ op: 'start' }),
        output: fc.integer({ min: 1, max: 2 }).map((runId): RunOutput => ({ answer: 'started', runId })),
      }),
      fc.record({ input: fc.constant<RunInput>({ op: 'get' }), output: seen }),
      fc.record({
        input: fc.constant<RunInput>({ op: 'cancel' }),
        output: fc.constant<RunOutput>({ answer: 'cancelled' }),
      }),
      fc.record({
        input: fc.constant<RunInput>({ op: 'retry' }),
        output: fc.constantFrom<RunOutput>({ answer: 'retried' }, { answer: 'not over' }, { answer: 'was successful' }),
      }),
    ),
  ),
  { maxLength: 6 },
);

describe('wgl', () => {
  test('agrees with brute force on 5,000 histories of a register, of which many are illegal', () => {
    const verdicts = new Set<string>();
    fc.assert(
      fc.property(registerHistory, (history) => {
        const verdict = checkLinearizable(REGISTER, history);
        verdicts.add(verdict);
        expect(verdict).toBe(bruteForce(REGISTER, history) ? 'linearizable' : 'illegal');
      }),
      { numRuns: 5_000 },
    );
    expect([...verdicts].sort()).toEqual(['illegal', 'linearizable']);
  });

  test('agrees with brute force on 5,000 histories of a run, of which many are illegal', () => {
    const verdicts = new Set<string>();
    fc.assert(
      fc.property(runHistory, (history) => {
        const verdict = checkLinearizable(RUN_MODEL, history);
        verdicts.add(verdict);
        expect(verdict).toBe(bruteForce(RUN_MODEL, history) ? 'linearizable' : 'illegal');
      }),
      { numRuns: 5_000 },
    );
    expect([...verdicts].sort()).toEqual(['illegal', 'linearizable']);
  });

  test('a stale read after an acknowledged write is illegal, and one beside it is not', () => {
    const write = { input: { write: 1 }, output: 0, call: 0, ret: 10 };
    const stale = { input: 'read' as const, output: 0 };
    expect(checkLinearizable(REGISTER, [write, { ...stale, call: 11, ret: 12 }])).toBe('illegal');
    expect(checkLinearizable(REGISTER, [write, { ...stale, call: 9, ret: 12 }])).toBe('linearizable');
  });

  test('a write that was never answered explains a late read, and need not have happened', () => {
    const lost = { input: { write: 2 }, output: undefined, call: 0, ret: Infinity };
    const read = (output: number) => ({ input: 'read' as const, output, call: 50, ret: 60 });
    expect([read(2), read(0), read(1)].map((late) => checkLinearizable(REGISTER, [lost, late]))).toEqual([
      'linearizable',
      'linearizable',
      'illegal',
    ]);
  });

  test('500 operations of 8 clients are judged within the limit of steps', () => {
    const history = Array.from({ length: 500 }, (_, index): TimedOperation<RegisterInput, number> =>
      index % 2 === 0
        ? { input: { write: index }, output: 0, call: index * 10, ret: index * 10 + 5 }
        : { input: 'read', output: index - 1, call: index * 10, ret: index * 10 + 5 },
    );
    expect(checkLinearizable(REGISTER, history, { stepsMax: 5_000 })).toBe('linearizable');
  });

  test('a search that takes too many steps says so', () => {
    const writes = Array.from({ length: 12 }, (_, index) => ({
      input: { write: index },
      output: 0,
      call: 0,
      ret: 100,
    }));
    const impossible = { input: 'read' as const, output: 99, call: 200, ret: 300 };
    expect(checkLinearizable(REGISTER, [...writes, impossible], { stepsMax: 1_000 })).toBe('unknown');
  });
});
