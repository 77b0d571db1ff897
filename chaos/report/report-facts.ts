// What a report of a chaos run tells. Pure.

import type { Verdict } from '../checks/all-checks.ts';
import { outcomeOf } from '../checks/evidence.ts';
import type { Evidence, Operation } from '../checks/evidence.ts';
import type { Quantiles } from './quantiles.ts';
import { quantiles } from './quantiles.ts';

export interface RunFacts {
  readonly command: string;
  readonly seed: number;
  readonly nodes: number;
  readonly engine: string;
  readonly build: string;
  readonly machine: string;
}

export interface CallFigures {
  readonly op: Operation['op'];
  readonly count: number;
  readonly refused: number;
  readonly unknown: number;
  readonly ms: Quantiles | null;
}

export interface Summary extends RunFacts {
  readonly passed: boolean;
  readonly seconds: number;
  readonly runs: number;
  readonly bodies: number;
  readonly events: number;
  readonly terms: number;
  readonly calls: readonly CallFigures[];
}

const OPS: readonly Operation['op'][] = ['start', 'get', 'cancel', 'retry', 'put', 'read', 'log'];

export function summarize(facts: RunFacts, evidence: Evidence, verdicts: readonly Verdict[]): Summary {
  const { operations, bodies, runs, events, terms } = evidence;
  const { from, to } = timeSpan(evidence);
  return {
    ...facts,
    passed: verdicts.every(({ violations }) => violations.length === 0),
    seconds: (to - from) / 1_000,
    runs: new Set(runs.map(({ pipeline, runId }) => `${pipeline}/${runId}`)).size,
    bodies: bodies.filter(({ mark }) => mark === 'start').length,
    events: Math.max(0, ...events.map((list) => list.events.length)),
    terms: terms.length,
    calls: OPS.map((op) => callFigures(op, operations)).filter(({ count }) => count > 0),
  };
}

/** From the first call to the last answer. */
export function timeSpan({ operations }: Pick<Evidence, 'operations'>): { readonly from: number; readonly to: number } {
  let [from, to] = [Infinity, -Infinity];
  for (const { call, ret } of operations) {
    from = Math.min(from, call);
    to = Math.max(to, ret ?? call);
  }
  return from > to ? { from: 0, to: 0 } : { from, to };
}

function callFigures(op: Operation['op'], operations: readonly Operation[]): CallFigures {
  const calls = operations.filter((call) => call.op === op);
  const outcomes = calls.map(outcomeOf);
  return {
    op,
    count: calls.length,
    refused: outcomes.filter((outcome) => outcome === 'refused').length,
    unknown: outcomes.filter((outcome) => outcome === 'unknown').length,
    ms: quantiles(calls.flatMap(({ call, ret }) => (ret === undefined ? [] : [ret - call]))),
  };
}
