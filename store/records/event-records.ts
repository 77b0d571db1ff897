// Codecs of the event log: segments, the sequencer's counter, and the outbox of nodes that are not the sequencer.

import { recordCodec } from '../codec.ts';
import type { StoredEvent } from '../model/event.ts';

/** Value under `event/<segment>`; the segment's number is in the key. */
export interface SegmentValue {
  /** null = an event that was deleted: the others keep their places, and so their ids. */
  readonly events: readonly (StoredEvent | null)[];
}

export const segmentRecord = recordCodec<SegmentValue>({ kind: 'event segment', fields: { events: 'array' } });

export interface EventCounter {
  /** Oldest segment that still exists. */
  readonly first: number;
  /** Newest segment; 0 = none yet. */
  readonly last: number;
  /** Time of the newest event: the next one is not older, whatever the clock says. */
  readonly emitted: number;
}

export const eventCounterRecord = recordCodec<EventCounter>({
  kind: 'event counter',
  fields: { first: 'number', last: 'number', emitted: 'number' },
});

export const outboxRecord = recordCodec<StoredEvent>({
  kind: 'outbox event',
  fields: { emitted: 'number', kind: 'object' },
});
