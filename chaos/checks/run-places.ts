// Joins the two names of a run: the one that its client chose, and the one that the system gave it.

import { parseAttemptId } from '../../store/model/ids.ts';
import type { BodyMark, Evidence, FinalRun, FinalTask } from './evidence.ts';

/** `<pipeline>/<run>`: one run, whichever node told of it. */
export function runPlace({ pipeline, runId }: { readonly pipeline: string; readonly runId: number }): string {
  return `${pipeline}/${runId}`;
}

/** A run with its tasks. */
export interface WholeRun extends FinalRun {
  readonly tasks: readonly FinalTask[];
}

/** One entry for each run, by its place, as the first node told it that was asked for its tasks. That the others say the same is a
 * check of its own. */
export function finalRuns({ runs }: Pick<Evidence, 'runs'>): ReadonlyMap<string, WholeRun> {
  const places = new Map<string, WholeRun>();
  for (const run of runs) {
    const { tasks } = run;
    if (tasks !== null && !places.has(runPlace(run))) places.set(runPlace(run), { ...run, tasks });
  }
  return places;
}

export interface AttemptPlace {
  readonly place: string;
  readonly task: string;
  readonly attempt: number;
}

/** Null when the body's words are no attempt id. */
export function attemptPlace({ attempt }: Pick<BodyMark, 'attempt'>): AttemptPlace | null {
  const parsed = parseAttemptId(attempt);
  if (parsed === null) return null;
  return { place: `${parsed.pipelineId}/${parsed.runId}`, task: parsed.taskId, attempt: parsed.attempt };
}

export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
