// What the injections of one fault cost, out of the evidence: a row of the failover table. Pure.

import type { Verdict } from '../checks/all-checks.ts';
import { outcomeOf } from '../checks/evidence.ts';
import type { Evidence } from '../checks/evidence.ts';
import { attemptPlace } from '../checks/run-places.ts';
import type { Injection } from '../nemesis/failover.ts';
import type { Quantiles } from './quantiles.ts';
import { quantiles } from './quantiles.ts';

export interface FailoverRow {
  readonly fault: string;
  readonly what: string;
  readonly injections: number;
  /** Injections that were proven to have taken effect. */
  readonly proven: number;
  /** Runs that were started and acknowledged in all. */
  readonly runs: number;
  /** On their way at the injections: the middle, and all together. */
  readonly inFlight: { readonly p50: number; readonly sum: number };
  /** Acknowledged runs without an end. */
  readonly lost: number;
  /** Attempts whose body began twice. */
  readonly doubled: number;
  /** Of all other checks. */
  readonly otherViolations: number;
  /** Injections after which somebody else led. */
  readonly newLeaders: number;
  readonly toNewLeaderMs: Quantiles | null;
  readonly toNextStartMs: Quantiles | null;
  readonly calls: number;
  /** Calls without an answer that settles them, after the SDK's own retries. */
  readonly failedCalls: number;
}

export interface FailoverInput {
  readonly fault: string;
  readonly what: string;
  readonly injections: readonly Injection[];
  readonly evidence: Evidence;
  readonly verdicts: readonly Verdict[];
}

export function failoverRow({ fault, what, injections, evidence, verdicts }: FailoverInput): FailoverRow {
  const spans = runSpans(evidence);
  const inFlight = injections.map(({ from }) => spans.filter((span) => span.from <= from && span.to >= from).length);
  const leaders = injections.map((injection, index) => newLeader(evidence, injection, injections[index + 1]));
  const violations = (ids: readonly string[]) =>
    verdicts.filter(({ id }) => ids.includes(id)).reduce((sum, each) => sum + each.violations.length, 0);
  const others = verdicts.map(({ id }) => id).filter((id) => id !== 'RUN-END' && id !== 'BODY-ONCE');
  const calls = evidence.operations.filter(({ call }) =>
    injections.some(({ from, well }) => call >= from && call <= well),
  );
  return {
    ...{ fault, what, injections: injections.length },
    proven: injections.filter(({ proof }) => proof !== null).length,
    runs: spans.length,
    inFlight: { p50: quantiles(inFlight)?.p50 ?? 0, sum: inFlight.reduce((sum, count) => sum + count, 0) },
    lost: violations(['RUN-END']),
    doubled: violations(['BODY-ONCE']),
    otherViolations: violations(others),
    newLeaders: leaders.filter((from) => from !== null).length,
    toNewLeaderMs: quantiles(
      leaders.flatMap((from, index) => (from === null ? [] : [from - (injections[index]?.from ?? 0)])),
    ),
    toNextStartMs: quantiles(
      injections.flatMap((injection, index) => nextStart(evidence, injection, leaders[index] ?? null) ?? []),
    ),
    calls: calls.length,
    failedCalls: calls.filter((call) => outcomeOf(call) === 'unknown').length,
  };
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** From the call that started a run to the last word of its bodies. */
function runSpans({ operations, bodies, runs }: Evidence): readonly Span[] {
  const lastWord = new Map<string, number>();
  for (const mark of bodies) {
    const place = attemptPlace(mark)?.place ?? '';
    lastWord.set(place, Math.max(lastWord.get(place) ?? 0, mark.at));
  }
  const places = new Map(runs.map(({ key, pipeline, runId }) => [key, `${pipeline}/${runId}`]));
  return operations.flatMap((operation) => {
    if (operation.op !== 'start' || outcomeOf(operation) !== 'ok') return [];
    return [{ from: operation.call, to: lastWord.get(places.get(operation.key) ?? '') ?? operation.call }];
  });
}

/** When the next reign began; null when the old one went on until the next injection. */
function newLeader({ terms }: Evidence, { from }: Injection, next: Injection | undefined): number | null {
  const until = next?.from ?? Infinity;
  return terms.find((term) => term.from >= from && term.from < until)?.from ?? null;
}

/** Time to the first body after the fault that was started by whoever led then; after a change, by the new leader or a later one. */
function nextStart({ bodies, terms }: Evidence, { from }: Injection, leaderFrom: number | null): number | null {
  const since = leaderFrom ?? from;
  let first: number | null = null;
  for (const { mark, at, node } of bodies) {
    if (mark !== 'start' || at < since || (first !== null && at >= first)) continue;
    const leader = terms.findLast((term) => term.from <= at)?.name;
    if (node === leader || node === '') first = at;
  }
  return first === null ? null : first - from;
}
