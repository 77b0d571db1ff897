// Events of this node, left for the leader to put in order. They are written in the transaction of the change that they tell of.

import { keys } from '../../store/keys.ts';
import type { EventKind } from '../../store/model/event.ts';
import type { Instant } from '../../store/model/ids.ts';
import { outboxRecord } from '../../store/records/event-records.ts';
import type { Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';

/** One write for each event, in their order: the leader takes those of one transaction in the order of their keys. */
export function eventWrites(
  { newId }: Pick<ApiDeps, 'newId'>,
  emitted: Instant,
  kinds: readonly EventKind[],
): readonly Write[] {
  const id = newId();
  return kinds.map((kind, index) => ({
    op: 'put',
    key: keys.outbox(`${id}-${index}`),
    value: outboxRecord.encode({ emitted, kind }),
  }));
}
