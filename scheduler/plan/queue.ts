// Runs that wait for their turn, and who is next. In order of their creation, under the pipeline's limit and the global one: a
// run that its own pipeline holds back never holds back another pipeline's.

import { runKeyText } from '../../store/model/ids.ts';
import type { NamespaceId, PipelineId, RunKey } from '../../store/model/ids.ts';

export interface QueuedRun {
  readonly key: RunKey;
  /** Create revision of its place in the queue: smaller is older. */
  readonly order: number;
  /** Runs of its pipeline that may run at once. */
  readonly parallelism: number;
}

export interface RunQueue {
  add(run: QueuedRun): void;
  /** No longer waiting: cancelled, or gone. */
  remove(key: RunKey): void;
  has(key: RunKey): boolean;
  /** Takes the runs whose turn it is, oldest first, at most `max`; they count as running from here on. */
  admit(max: number): QueuedRun[];
  /** A run that was running when we came, or that was admitted elsewhere. */
  started(key: RunKey): void;
  /** A running run ended. */
  ended(key: RunKey): void;
  readonly waiting: number;
  readonly running: number;
}

interface PipelineLine {
  /** Oldest first from `head` on. */
  runs: QueuedRun[];
  head: number;
  running: number;
}

/** Taken entries are cut off an array only now and then: cutting at each step would be quadratic. */
const TRIM_AFTER = 1_024;

export function createRunQueue(globalLimit: number): RunQueue {
  const lines = new Map<string, PipelineLine>();
  const waiting = new Map<string, QueuedRun>();
  const runningKeys = new Set<string>();
  /** Pipelines that have waiting runs and room: only these are looked at. */
  const ready = new Set<string>();

  function lineOf(key: RunKey): { readonly name: string; readonly line: PipelineLine } {
    const name = pipelineText(key);
    const known = lines.get(name);
    if (known !== undefined) return { name, line: known };
    const line: PipelineLine = { runs: [], head: 0, running: 0 };
    lines.set(name, line);
    return { name, line };
  }

  /** The oldest run of a line that still waits. */
  function front(line: PipelineLine): QueuedRun | null {
    while (line.head < line.runs.length) {
      const run = line.runs[line.head];
      if (run !== undefined && waiting.get(runKeyText(run.key)) === run) return run;
      line.head += 1;
    }
    line.runs = [];
    line.head = 0;
    return null;
  }

  function refresh(name: string, line: PipelineLine): void {
    const run = front(line);
    if (run !== null && line.running < run.parallelism) ready.add(name);
    else ready.delete(name);
    if (run === null && line.running === 0) lines.delete(name);
  }

  function oldest(): { readonly name: string; readonly line: PipelineLine; readonly run: QueuedRun } | null {
    let best: { readonly name: string; readonly line: PipelineLine; readonly run: QueuedRun } | null = null;
    for (const name of ready) {
      const line = lines.get(name);
      const run = line === undefined ? null : front(line);
      if (line === undefined || run === null) ready.delete(name);
      else if (best === null || run.order < best.run.order) best = { name, line, run };
    }
    return best;
  }

  function take({
    name,
    line,
    run,
  }: {
    readonly name: string;
    readonly line: PipelineLine;
    readonly run: QueuedRun;
  }): void {
    waiting.delete(runKeyText(run.key));
    line.head += 1;
    if (line.head > TRIM_AFTER) {
      line.runs = line.runs.slice(line.head);
      line.head = 0;
    }
    line.running += 1;
    runningKeys.add(runKeyText(run.key));
    refresh(name, line);
  }

  return {
    add: (run) => {
      const text = runKeyText(run.key);
      if (waiting.has(text) || runningKeys.has(text)) return;
      const { name, line } = lineOf(run.key);
      insert(line, run);
      waiting.set(text, run);
      refresh(name, line);
    },
    remove: (key) => {
      waiting.delete(runKeyText(key));
      const { name, line } = lineOf(key);
      refresh(name, line);
    },
    has: (key) => waiting.has(runKeyText(key)),
    admit: (max) => {
      const admitted: QueuedRun[] = [];
      while (admitted.length < max && runningKeys.size < globalLimit) {
        const next = oldest();
        if (next === null) break;
        take(next);
        admitted.push(next.run);
      }
      return admitted;
    },
    started: (key) => {
      const text = runKeyText(key);
      if (runningKeys.has(text)) return;
      runningKeys.add(text);
      const { name, line } = lineOf(key);
      waiting.delete(text);
      line.running += 1;
      refresh(name, line);
    },
    ended: (key) => {
      if (!runningKeys.delete(runKeyText(key))) return;
      const { name, line } = lineOf(key);
      line.running -= 1;
      refresh(name, line);
    },
    get waiting() {
      return waiting.size;
    },
    get running() {
      return runningKeys.size;
    },
  };
}

/** Nearly always at the end; an older run comes late only after a re-list. */
function insert(line: PipelineLine, run: QueuedRun): void {
  let index = line.runs.length;
  while (index > line.head && (line.runs[index - 1]?.order ?? 0) > run.order) index -= 1;
  line.runs.splice(index, 0, run);
}

function pipelineText(key: { readonly namespaceId: NamespaceId; readonly pipelineId: PipelineId }): string {
  return `${key.namespaceId}/${key.pipelineId}`;
}
