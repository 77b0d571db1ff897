// Wire forms of runs.

import { Type } from 'typebox';
import { Timestamp, Uint64, component, mapOf, nullable, ref } from './common.ts';
import { Variable } from './configs.ts';
import { PipelineParams } from './pipelines.ts';
import { runState, runStatus, runStatusReason } from './statuses.ts';

export const Initiator = component('Initiator', Type.Object({ id: Type.String(), user: Type.String() }));

export const Run = component(
  'Run',
  Type.Object({
    ended: Timestamp,
    event_id: Type.Optional(nullable(Type.String())),
    /** Ours: when its tasks began to be started; 0 = it still waits for its turn. `started` is its creation. */
    execution_started: Type.Optional(Timestamp),
    initiator: ref(Initiator),
    namespace_id: Type.String(),
    pipeline_config_version: Uint64,
    pipeline_id: Type.String(),
    /** Ours: the run whose failed tasks it repeats; 0 = none. */
    retry_of: Type.Optional(Uint64),
    run_id: Uint64,
    started: Timestamp,
    state: ref(runState),
    status: ref(runStatus),
    status_reason: Type.Optional(nullable(runStatusReason)),
    store_objects_expired: Type.Boolean(),
    token_id: Type.Optional(nullable(Type.String())),
    variables: Type.Array(ref(Variable)),
  }),
);

export const StartRunRequest = component('StartRunRequest', Type.Object({ variables: mapOf(Type.String()) }));
export const StartRunResponse = component('StartRunResponse', Type.Object({ run: ref(Run) }));
export const GetRunResponse = component('GetRunResponse', Type.Object({ run: ref(Run) }));
export const ListRunsResponse = component('ListRunsResponse', Type.Object({ runs: Type.Array(ref(Run)) }));

export const RunParams = Type.Object({ ...PipelineParams.properties, run_id: Uint64 });
export const ListRunsQuery = Type.Object({
  limit: Type.Optional(nullable(Uint64)),
  offset: Type.Optional(nullable(Uint64)),
  reverse: Type.Optional(nullable(Type.Boolean())),
});
/** Ours: bodies are killed at once. */
export const CancelRunQuery = Type.Object({ force: Type.Optional(Type.Boolean()) });
/** Ours: a repetition under the same key gives the same run. */
export const StartRunHeaders = Type.Object({ 'idempotency-key': Type.Optional(Type.String()) });
