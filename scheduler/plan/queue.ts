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
  /** A run that nobody is in front of: it counts as running from here on. False when it has to wait for its turn. */
  startNow(run: Pick<QueuedRun, 'key' | 'parallelism'>): boolean;
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
  return new LinedRunQueue(globalLimit);
}

interface Front {
  readonly name: string;
  readonly line: PipelineLine;
  readonly run: QueuedRun;
}

class LinedRunQueue implements RunQueue {
  readonly #globalLimit: number;
  readonly #lines = new Map<string, PipelineLine>();
  readonly #waiting = new Map<string, QueuedRun>();
  readonly #running = new Set<string>();
  /** Pipelines that have waiting runs and room: only these are looked at. */
  readonly #ready = new Set<string>();

  constructor(globalLimit: number) {
    this.#globalLimit = globalLimit;
  }

  add(run: QueuedRun): void {
    const text = runKeyText(run.key);
    if (this.#waiting.has(text) || this.#running.has(text)) return;
    insert(this.#lineOf(run.key), run);
    this.#waiting.set(text, run);
    this.#refresh(run.key);
  }

  remove(key: RunKey): void {
    this.#waiting.delete(runKeyText(key));
    this.#refresh(key);
  }

  has(key: RunKey): boolean {
    return this.#waiting.has(runKeyText(key));
  }

  admit(max: number): QueuedRun[] {
    const admitted: QueuedRun[] = [];
    while (admitted.length < max && this.#running.size < this.#globalLimit) {
      const next = this.#oldest();
      if (next === null) break;
      this.#take(next);
      admitted.push(next.run);
    }
    return admitted;
  }

  startNow({ key, parallelism }: Pick<QueuedRun, 'key' | 'parallelism'>): boolean {
    const text = runKeyText(key);
    if (this.#running.has(text) || this.#waiting.has(text) || this.#running.size >= this.#globalLimit) return false;
    const line = this.#lines.get(pipelineText(key));
    if (line !== undefined && (line.running >= parallelism || this.#front(line) !== null)) return false;
    this.started(key);
    return true;
  }

  started(key: RunKey): void {
    const text = runKeyText(key);
    if (this.#running.has(text)) return;
    this.#running.add(text);
    this.#waiting.delete(text);
    this.#lineOf(key).running += 1;
    this.#refresh(key);
  }

  ended(key: RunKey): void {
    if (!this.#running.delete(runKeyText(key))) return;
    this.#lineOf(key).running -= 1;
    this.#refresh(key);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running.size;
  }

  #lineOf(key: RunKey): PipelineLine {
    const name = pipelineText(key);
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const line: PipelineLine = { runs: [], head: 0, running: 0 };
    this.#lines.set(name, line);
    return line;
  }

  /** The oldest run of a line that still waits. */
  #front(line: PipelineLine): QueuedRun | null {
    while (line.head < line.runs.length) {
      const run = line.runs[line.head];
      if (run !== undefined && this.#waiting.get(runKeyText(run.key)) === run) return run;
      line.head += 1;
    }
    line.runs = [];
    line.head = 0;
    return null;
  }

  #refresh(key: RunKey): void {
    const name = pipelineText(key);
    const line = this.#lineOf(key);
    const run = this.#front(line);
    if (run !== null && line.running < run.parallelism) this.#ready.add(name);
    else this.#ready.delete(name);
    if (run === null && line.running === 0) this.#lines.delete(name);
  }

  #oldest(): Front | null {
    let best: Front | null = null;
    for (const name of this.#ready) {
      const line = this.#lines.get(name);
      const run = line === undefined ? null : this.#front(line);
      if (line === undefined || run === null) this.#ready.delete(name);
      else if (best === null || run.order < best.run.order) best = { name, line, run };
    }
    return best;
  }

  #take({ line, run }: Front): void {
    this.#waiting.delete(runKeyText(run.key));
    line.head += 1;
    if (line.head > TRIM_AFTER) {
      line.runs = line.runs.slice(line.head);
      line.head = 0;
    }
    line.running += 1;
    this.#running.add(runKeyText(run.key));
    this.#refresh(run.key);
  }
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
