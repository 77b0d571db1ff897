// Codec of remembered requests: what was answered under an Idempotency-Key.

import { recordCodec } from '../codec.ts';
import type { Instant, RunId } from '../model/ids.ts';

export interface IdempotencyAnswer {
  /** The run that the first request started. */
  readonly runId: RunId;
  /** Lower-case hex SHA-256 of the request, to tell a repetition from another request under the same key. */
  readonly bodyHash: string;
  readonly created: Instant;
}

export const idempotencyRecord = recordCodec<IdempotencyAnswer>({
  kind: 'idempotency answer',
  fields: { runId: 'number', bodyHash: 'string', created: 'number' },
});
