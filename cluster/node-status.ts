// What a node says about itself: what is wrong, and whether a load balancer may send it requests. Pure.

import type { ClockOffset } from './clocks.ts';
import type { Readiness } from './options.ts';

export interface NodeFacts {
  /** Why it is not a member; null = it is one. */
  readonly absence: string | null;
  readonly drained: boolean;
  /** Why it does not lead, apart from being drained; null = nothing forbids it. */
  readonly standsBack: string | null;
  /** The store is not the one that it was; null = it is. */
  readonly refusal: string | null;
  readonly storeSilentMs: number;
  /** The last record of the node could not be written though the store answers. */
  readonly readOnly: boolean;
  readonly lagMs: number | null;
  readonly clock: ClockOffset | null;
  /** Keys of records that cannot be read. */
  readonly damaged: readonly string[];
}

export interface StatusBounds {
  readonly storeSilentMaxMs: number;
  readonly lagMaxMs: number;
  readonly clockBoundMs: number;
}

/** Sentences; empty = well. */
export function problemsOf(facts: NodeFacts, bounds: StatusBounds): readonly string[] {
  const { clock } = facts;
  const problems = [facts.refusal, facts.absence, facts.standsBack, ...storeProblems(facts, bounds)];
  if (clock !== null && Math.abs(clock.ms) > bounds.clockBoundMs) {
    const direction = clock.ms > 0 ? 'ahead of' : 'behind';
    problems.push(`The clock of ${clock.name} is ${seconds(Math.abs(clock.ms))} ${direction} the clock of this node.`);
  }
  for (const key of facts.damaged) problems.push(`The record ${key} cannot be read.`);
  return problems.filter((problem) => problem !== null);
}

export function readinessOf(facts: NodeFacts, bounds: StatusBounds): Readiness {
  const drained = facts.drained ? 'An operator drains this node.' : null;
  const reasons = [drained, facts.refusal, facts.absence, ...silences(facts, bounds)].filter(
    (reason) => reason !== null,
  );
  return { ready: reasons.length === 0, reasons };
}

function storeProblems(facts: NodeFacts, bounds: StatusBounds): readonly (string | null)[] {
  const readOnly = facts.readOnly ? 'The state store does not take writes.' : null;
  return [...silences(facts, bounds), facts.storeSilentMs > bounds.storeSilentMaxMs ? null : readOnly];
}

function silences({ storeSilentMs, lagMs }: NodeFacts, bounds: StatusBounds): readonly (string | null)[] {
  const silent = storeSilentMs > bounds.storeSilentMaxMs;
  const lagging = lagMs !== null && lagMs > bounds.lagMaxMs;
  return [
    silent ? `The state store has not answered for ${seconds(storeSilentMs)}.` : null,
    // Without a store nothing comes back either; one sentence is enough.
    lagging && !silent ? `What this node sees of the state store is ${seconds(lagMs)} old.` : null,
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
