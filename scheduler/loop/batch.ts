// Many transitions in one transaction: fewer round trips and one flush for all of them. A batch is filled with slices of plans
// until the store's limits are reached; each record that it writes is compared with what the plan saw, and the fence is on it.

import { keys } from '../../store/keys.ts';
import type { StoredEvent } from '../../store/model/event.ts';
import { makeEventId } from '../../store/model/event.ts';
import type { Instant } from '../../store/model/ids.ts';
import type { Run, TaskExecution } from '../../store/model/run.ts';
import { eventCounterRecord, segmentRecord } from '../../store/records/event-records.ts';
import type { EventCounter } from '../../store/records/event-records.ts';
import type { Compare, StoreLimits, Transaction, Write } from '../../store/state/port.ts';
import { deletion, draftOf, givenDraft } from './slice-draft.ts';
import type { Draft, Slice } from './slice-draft.ts';
import type { WaitingEvent } from './world.ts';

/** What a slice leaves behind once its transaction is committed. */
export interface Applied {
  readonly slice: Slice;
  readonly run: Run | null;
  readonly tasks: readonly TaskExecution[];
  readonly asks: readonly string[];
}

export interface Batch {
  /** False when the slice does not fit any more: commit first, then add it to the next batch. */
  add(slice: Slice): boolean;
  /** The same for an event that another node left in the outbox. */
  addOutbox(key: string, waiting: WaitingEvent): boolean;
  /** A key of ours that has no meaning any more. */
  addLeftover(key: string): boolean;
  /** What somebody else wants written, if nothing else here writes the same keys. A slice that is added later may write them anew. */
  addGiven(transaction: Transaction): boolean;
  readonly empty: boolean;
  build(): { readonly transaction: Transaction; readonly counter: EventCounter; readonly applied: readonly Applied[] };
}

interface BatchOptions {
  readonly fence: Compare;
  readonly limits: StoreLimits;
  readonly counter: EventCounter;
  readonly counterRevision: number;
  readonly engine: string;
  readonly now: Instant;
}

/** The fence, the counter and the segment take their place in each transaction. */
const RESERVED_OPERATIONS = 4;
/** The fence, the counter and the framing. */
const RESERVED_BYTES = 4_096;
/** One action makes at most this many writes (a finished run: its record and its place on the open list). */
const WRITES_PER_ACTION_MAX = 2;

/** How many actions of one plan are put in one slice, so that a slice alone always fits. */
export function sliceLength(limits: StoreLimits): number {
  return Math.max(1, Math.floor((limits.operationsMax - RESERVED_OPERATIONS) / WRITES_PER_ACTION_MAX));
}

export function createBatch(options: BatchOptions): Batch {
  const compares: Compare[] = [options.fence];
  const writes = new Map<string, Write>();
  const events: StoredEvent[] = [];
  const applied: Applied[] = [];
  let bytes = RESERVED_BYTES;
  const segment = options.counter.last + 1;
  // The clock may have been set back: ids must not.
  const emitted = Math.max(options.now, options.counter.emitted);

  function fits(draft: Draft): boolean {
    if (writes.size === 0) return true;
    const { operationsMax, bytesMax } = options.limits;
    if (writes.size + draft.writes.length + RESERVED_OPERATIONS > operationsMax) return false;
    if (compares.length + draft.compares.length + RESERVED_OPERATIONS > operationsMax) return false;
    return bytes + draft.bytes <= bytesMax;
  }

  function take(draft: Draft): void {
    compares.push(...draft.compares);
    for (const write of draft.writes) writes.set(placeOf(write), write);
    for (const kind of draft.events) events.push({ emitted, kind });
    bytes += draft.bytes;
  }

  function takeIfFits(draft: Draft): boolean {
    if (!fits(draft)) return false;
    take(draft);
    return true;
  }

  return {
    add: (slice) => {
      const draft = draftOf(slice, {
        engine: options.engine,
        now: options.now,
        eventId: (index) => makeEventId(emitted, { segment, index: events.length + index }),
      });
      if (!takeIfFits(draft)) return false;
      applied.push({ slice, run: draft.run, tasks: [...draft.tasks.values()], asks: draft.asks });
      return true;
    },
    addOutbox: (key, { event, revision }) => {
      const draft = deletion(key, [event.kind]);
      // Taken once only, also when a list and a watch both told of it.
      draft.compares.push({ target: 'mod', key, equals: revision });
      return takeIfFits(draft);
    },
    addLeftover: (key) => takeIfFits(deletion(key, [])),
    // Two that create the same run are rivals: one of them will be refused, which is the store's to say.
    addGiven: (transaction) =>
      !transaction.writes.some((write) => writes.has(placeOf(write))) && takeIfFits(givenDraft(transaction)),
    get empty() {
      return writes.size === 0;
    },
    build: () => {
      const written = [...writes.values()];
      if (events.length === 0) return { transaction: { compares, writes: written }, counter: options.counter, applied };
      const counter = { first: options.counter.first, last: segment, emitted };
      const logged = segmentWrites(counter, events);
      const unchanged = { target: 'mod', key: keys.eventCounter(), equals: options.counterRevision } as const;
      const transaction = { compares: [...compares, unchanged], writes: [...written, ...logged] };
      return { transaction, counter, applied };
    },
  };
}

function placeOf(write: Write): string {
  return write.op === 'delete_range' ? `${write.range.start} to ${write.range.end}` : write.key;
}

/** All events of a transaction are one segment of the log, the last one for now. */
function segmentWrites(counter: EventCounter, events: readonly StoredEvent[]): readonly Write[] {
  return [
    { op: 'put', key: keys.eventCounter(), value: eventCounterRecord.encode(counter) },
    { op: 'put', key: keys.event(counter.last), value: segmentRecord.encode({ events }) },
  ];
}
