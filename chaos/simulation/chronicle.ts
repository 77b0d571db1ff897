// What the checks know: the store's contents commit by commit, who wrote each, who led when, what bodies and clients saw. It stands
// beside the world and sees all of it at once, which no node can.

import type { AttemptId, TaskId } from '../../store/model/ids.ts';
import { runKeyText } from '../../store/model/ids.ts';
import type { Run, TaskExecution } from '../../store/model/run.ts';
import type { SegmentValue } from '../../store/records/event-records.ts';
import { segmentRecord } from '../../store/records/event-records.ts';
import { leaderRecord, memberRecord } from '../../store/records/cluster-records.ts';
import { runRecord, taskRecord } from '../../store/records/run-records.ts';
import type { WatchEvent } from '../../store/state/port.ts';
import { keys } from '../../store/keys.ts';
import type { Role } from './node.ts';
import type { BodyTruth } from './bodies.ts';
import type { Process } from './universe.ts';

/** Who sent a write that was accepted. */
export interface Author {
  readonly process: Process;
  readonly role: Role;
  /** The term under which it was sent; null = none. */
  readonly term: number | null;
}

export interface RunChange {
  readonly name: string;
  readonly before: Run | null;
  readonly after: Run;
}

export interface TaskChange {
  readonly run: string;
  readonly before: TaskExecution | null;
  readonly after: TaskExecution;
}

/** One revision of the store. */
export interface Commit {
  readonly revision: number;
  /** Null = the store itself: a lease ended. */
  readonly author: Author | null;
  readonly runs: readonly RunChange[];
  readonly tasks: readonly TaskChange[];
  readonly segments: readonly { readonly number: number; readonly isNew: boolean; readonly value: SegmentValue }[];
  readonly deleted: readonly string[];
}

export interface Violation {
  readonly id: string;
  readonly what: string;
  readonly atMs: number;
}

export type Fail = (id: string, what: string) => void;

/** Something that a leader told an engine. */
export interface Effect {
  readonly process: Process;
  readonly call: string;
  readonly term: number | null;
}

/** Checks that look at the same moments; each calls `fail` for what must not be. */
export interface Checks {
  committed?(commit: Commit, fail: Fail): void;
  bodyStarted?(truth: BodyTruth, fail: Fail): void;
  acted?(effect: Effect, fail: Fail): void;
  /** When all is healed and quiet, or should have been. */
  ended?(fail: Fail): void;
}

interface Reign {
  readonly nodeId: string;
  readonly sinceMs: number;
  endedMs: number | null;
}

export interface Chronicle {
  readonly runs: ReadonlyMap<string, Run>;
  /** By run name, then by task. */
  readonly tasks: ReadonlyMap<string, ReadonlyMap<TaskId, TaskExecution>>;
  /** By term. */
  readonly reigns: ReadonlyMap<number, Reign>;
  /** The term whose leader key is in the store now; null = none. */
  readonly term: number | null;
  /** Node ids of the members, by member key. */
  readonly members: ReadonlyMap<string, string>;
  /** Keys under `open/`, `ask/`, `outbox/` and `archive/`: what still has to be done. */
  readonly pending: ReadonlySet<string>;
  readonly truths: ReadonlyMap<AttemptId, BodyTruth>;
  readonly nowMs: number;
  take(revision: number, events: readonly WatchEvent[], author: Author | null): Commit;
}

const PENDING = ['open/', 'ask/', 'outbox/', 'archive/'] as const;

export function createChronicle(nowMs: () => number, truths: ReadonlyMap<AttemptId, BodyTruth>): Chronicle {
  return new Book(nowMs, truths);
}

class Book implements Chronicle {
  readonly runs = new Map<string, Run>();
  readonly tasks = new Map<string, Map<TaskId, TaskExecution>>();
  readonly reigns = new Map<number, Reign>();
  readonly members = new Map<string, string>();
  readonly pending = new Set<string>();
  readonly truths: ReadonlyMap<AttemptId, BodyTruth>;
  term: number | null = null;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number, truths: ReadonlyMap<AttemptId, BodyTruth>) {
    this.#nowMs = nowMs;
    this.truths = truths;
  }

  get nowMs(): number {
    return this.#nowMs();
  }

  take(revision: number, events: readonly WatchEvent[], author: Author | null): Commit {
    const runs: RunChange[] = [];
    const tasks: TaskChange[] = [];
    const segments: { number: number; isNew: boolean; value: SegmentValue }[] = [];
    const deleted: string[] = [];
    for (const event of events) {
      if (event.type === 'delete') {
        deleted.push(event.key);
        this.#remove(event.key);
        continue;
      }
      const { key, value, version } = event.kv;
      if (key.startsWith('run/')) runs.push(this.#putRun(value));
      else if (key.startsWith('task/')) tasks.push(this.#putTask(value));
      else if (key.startsWith('event/'))
        segments.push({ number: Number(key.slice(6)), isNew: version === 1, value: segmentRecord.decode(value) });
      else if (PENDING.some((prefix) => key.startsWith(prefix))) this.pending.add(key);
      else if (key.startsWith('cluster/member/')) this.members.set(key, memberRecord.decode(value).nodeId);
      else if (key === keys.leader()) this.#crown(event.kv.createRevision, value);
    }
    return { revision, author, runs, tasks, segments, deleted };
  }

  #putRun(value: string): RunChange {
    const after = runRecord.decode(value);
    const name = runKeyText(after);
    const before = this.runs.get(name) ?? null;
    this.runs.set(name, after);
    return { name, before, after };
  }

  #putTask(value: string): TaskChange {
    const after = taskRecord.decode(value);
    const run = runKeyText(after);
    const known = this.tasks.get(run) ?? new Map<TaskId, TaskExecution>();
    this.tasks.set(run, known);
    const before = known.get(after.taskId) ?? null;
    known.set(after.taskId, after);
    return { run, before, after };
  }

  #remove(key: string): void {
    this.pending.delete(key);
    this.members.delete(key);
    if (key === keys.leader()) this.#endReign();
  }

  #crown(term: number, value: string): void {
    if (this.term === term) return;
    this.#endReign();
    this.term = term;
    this.reigns.set(term, { nodeId: leaderRecord.decode(value).nodeId, sinceMs: this.nowMs, endedMs: null });
  }

  #endReign(): void {
    const reign = this.term === null ? undefined : this.reigns.get(this.term);
    if (reign !== undefined) reign.endedMs = this.nowMs;
    this.term = null;
  }
}
