// What one slice of a run's plan writes: its records, the events that tell of it, and how much room they take in a transaction.

import { keys } from '../../store/keys.ts';
import type { EventKind } from '../../store/model/event.ts';
import type { EventId, Instant, TaskId } from '../../store/model/ids.ts';
import type { Run, TaskExecution } from '../../store/model/run.ts';
import { archiveRecord, openRunRecord, runRecord, taskRecord } from '../../store/records/run-records.ts';
import type { Compare, Transaction, Write } from '../../store/state/port.ts';
import { eventsOf } from '../plan/action.ts';
import type { Action } from '../plan/action.ts';
import type { RunView } from '../plan/run-view.ts';

/** Keys of a write and its compare, and the framing; values are counted exactly. */
const BYTES_PER_OPERATION = 512;
/** Names of kinds and ids of the greatest length; an event holds nothing else. */
const BYTES_PER_EVENT = 400;

/** Some actions of one run, in order. */
export interface Slice {
  readonly name: string;
  readonly view: RunView;
  readonly actions: readonly Action[];
  /** The run is created by the same transaction. */
  readonly isNew?: boolean;
}

export interface Draft {
  readonly compares: Compare[];
  readonly writes: Write[];
  readonly events: EventKind[];
  readonly tasks: Map<TaskId, TaskExecution>;
  readonly asks: string[];
  run: Run | null;
  bytes: number;
}

/** Without events: whoever gives it knows nothing of them. */
export function givenDraft({ compares, writes }: Transaction): Draft {
  const draft = emptyDraft();
  draft.compares.push(...compares);
  draft.writes.push(...writes);
  for (const write of writes) {
    draft.bytes += BYTES_PER_OPERATION + (write.op === 'put' ? Buffer.byteLength(write.value) : 0);
  }
  return draft;
}

/** One key goes, and the log says why. */
export function deletion(key: string, events: readonly EventKind[]): Draft {
  const draft = emptyDraft();
  remove(draft, key);
  note(draft, events);
  return draft;
}

function emptyDraft(): Draft {
  return { compares: [], writes: [], events: [], tasks: new Map(), asks: [], run: null, bytes: 0 };
}

interface DraftContext {
  readonly engine: string;
  readonly now: Instant;
  readonly eventId: (index: number) => EventId;
}

/** A key may be written once in a transaction, so the last record of each run and task wins; events keep them all. */
export function draftOf({ view, actions, isNew }: Slice, context: DraftContext): Draft {
  const draft = emptyDraft();
  let queuedAs: EventId | null = view.run.eventId;
  for (const action of actions) {
    if (action.type === 'queue_run') queuedAs = context.eventId(draft.events.length);
    note(draft, eventsOf(action));
    if (action.type === 'settle_ask') {
      draft.asks.push(action.key);
      remove(draft, action.key);
    }
    if ('run' in action) draft.run = action.run;
    if ('task' in action) draft.tasks.set(action.task.taskId, action.task);
    if ('closes' in action && action.closes > 0) {
      const key = keys.archive({ ...action.task, attempt: action.closes });
      put(draft, key, archiveRecord.encode({ engine: context.engine, endedAt: context.now }));
    }
  }
  if (draft.run !== null) {
    draft.run = { ...draft.run, eventId: queuedAs };
    const key = keys.run(draft.run);
    draft.compares.push({ target: 'mod', key, equals: view.runRevision });
    put(draft, key, runRecord.encode(draft.run));
    if (draft.run.state === 'complete') remove(draft, keys.openRun(draft.run));
    // Whoever is told of the place on the open list late must not take the run for one that still waits.
    else if (isNew === true) put(draft, keys.openRun(draft.run), openRunRecord.encode(draft.run));
  }
  for (const task of draft.tasks.values()) {
    const key = keys.task(task);
    draft.compares.push({ target: 'mod', key, equals: view.taskRevisions.get(task.taskId) ?? 0 });
    put(draft, key, taskRecord.encode(task));
  }
  return draft;
}

function note(draft: Draft, events: readonly EventKind[]): void {
  draft.events.push(...events);
  draft.bytes += events.length * BYTES_PER_EVENT;
}

function put(draft: Draft, key: string, value: string): void {
  draft.writes.push({ op: 'put', key, value });
  draft.bytes += Buffer.byteLength(value) + BYTES_PER_OPERATION;
}

function remove(draft: Draft, key: string): void {
  draft.writes.push({ op: 'delete', key });
  draft.bytes += BYTES_PER_OPERATION;
}
