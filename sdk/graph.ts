// Finds what is wrong between tasks: the same id twice, a parent that is not there, a circle. Linear in tasks and edges, and
// without recursion, since a chain may have 10,000 tasks.

import { didYouMean } from './did-you-mean.ts';

export interface GraphNode {
  readonly id: string;
  readonly parents: readonly string[];
}

/** One sentence for each fault; empty when the tasks form a graph that can run. */
export function graphProblems(nodes: readonly GraphNode[]): readonly string[] {
  const byId = new Map<string, GraphNode>();
  const twice = new Set<string>();
  for (const node of nodes) {
    if (byId.has(node.id)) twice.add(node.id);
    byId.set(node.id, node);
  }
  const problems = [...twice].map((id) => `two tasks are called ${quoted(id)}; every task needs an id of its own`);
  for (const node of nodes) {
    for (const parent of node.parents) {
      if (byId.has(parent)) continue;
      const hint = didYouMean(parent, byId.keys());
      problems.push(`task ${quoted(node.id)} depends on ${quoted(parent)}, which is no task of this pipeline${hint}`);
    }
  }
  const cycle = findCycle(byId);
  if (cycle !== null) problems.push(`tasks wait for each other in a circle: ${cycle.join(' -> ')}`);
  return problems;
}

interface Step {
  readonly id: string;
  readonly parents: readonly string[];
  /** Which parent is next. */
  next: number;
}

/** A walk along parents that ends where it began, or null. Depth first with a stack of its own; each task is left once. */
function findCycle(byId: ReadonlyMap<string, GraphNode>): readonly string[] | null {
  const done = new Set<string>();
  for (const start of byId.keys()) {
    if (done.has(start)) continue;
    const path: Step[] = [stepTo(byId, start)];
    const onPath = new Set([start]);
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const next = step.parents[step.next];
      step.next += 1;
      if (next === undefined) {
        done.add(step.id);
        onPath.delete(step.id);
        path.pop();
      } else if (onPath.has(next)) {
        const walked = path.map(({ id }) => id);
        return [...walked.slice(walked.indexOf(next)), next];
      } else if (byId.has(next) && !done.has(next)) {
        path.push(stepTo(byId, next));
        onPath.add(next);
      }
    }
  }
  return null;
}

function stepTo(byId: ReadonlyMap<string, GraphNode>, id: string): Step {
  return { id, parents: byId.get(id)?.parents ?? [], next: 0 };
}

function quoted(id: string): string {
  return JSON.stringify(id);
}
