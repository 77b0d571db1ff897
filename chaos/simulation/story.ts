// A broken history as a person tells it: what clients wanted, what went wrong, what the cluster did, and which promise broke.

import { INVARIANTS } from './invariants.ts';
import type { Plan } from './plan.ts';
import type { Outcome } from './world.ts';

type Run = (plan: Plan, onNote: (atMs: number, line: string) => void) => Promise<Outcome>;

/** Lines that say nothing to somebody who looks for a cause. */
const NOISE = [/ by \S+ \(cluster\): cluster\/(member|format|engine)/, /says: (joined|the record of this node)/];

export async function storyOf(plan: Plan, run: Run): Promise<string> {
  const lines: string[] = [];
  const outcome = await run(plan, (atMs, line) => {
    if (NOISE.every((noise) => !noise.test(line))) lines.push(`${atMs.toFixed(1).padStart(9)}  ${line}`);
  });
  const cast = `Nodes ${plan.nodes.map(({ name }) => name).join(', ')}; engine "${plan.engine}".`;
  const plot = [...plan.faults.map(({ kind, atMs }) => `${kind} at ${atMs}`)].join(', ') || 'none';
  return [cast, `Faults: ${plot}. Demands: ${plan.demands.length}.`, '', ...lines, '', outcomeText(outcome)].join('\n');
}

export function outcomeText({ violation, events, virtualMs, counts }: Outcome): string {
  const inside = `${events} steps, ${Math.round(virtualMs)} virtual ms, ${counts.terms} terms, ${counts.runs} runs, ${counts.bodies} bodies`;
  if (violation === null) return `Nothing broke: ${inside}.`;
  return `BROKEN ${violation.id}: ${violation.what}\n${sentenceOf(violation.id)}\n(${inside})`;
}

function sentenceOf(id: string): string {
  return Object.entries(INVARIANTS).find(([known]) => known === id)?.[1] ?? '';
}
