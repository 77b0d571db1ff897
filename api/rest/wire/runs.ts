// From the model to the wire: runs. Pure.

import type { Static } from 'typebox';
import type { Run } from '../../../store/model/run.ts';
import type * as schema from '../schemas/runs.ts';

type WireRun = Static<typeof schema.Run>;

export function wireRun(run: Run): WireRun {
  const over = run.state === 'complete';
  return {
    namespace_id: run.namespaceId,
    pipeline_id: run.pipelineId,
    pipeline_config_version: run.configVersion,
    run_id: run.runId,
    started: run.created,
    ended: over ? run.ended : 0,
    state: run.state,
    status: over ? run.status : 'unknown',
    status_reason: over && run.statusReason !== null ? { ...run.statusReason } : null,
    initiator: { ...run.initiator },
    variables: run.variables.map((variable) => ({ ...variable })),
    token_id: run.tokenId,
    store_objects_expired: run.storeObjectsExpired,
    event_id: run.eventId,
    execution_started: run.state === 'pending' ? 0 : run.startedAt,
    retry_of: run.retryOf,
  };
}
