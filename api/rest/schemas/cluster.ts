// Wire forms of the cluster and of a node's own state.

import { Type } from 'typebox';
import { Timestamp, Uint64, component, nullable, ref, words } from './common.ts';

export const LivenessResponse = component('LivenessResponse', Type.Object({ status: words('ok') }));
export const ReadinessResponse = component(
  'ReadinessResponse',
  Type.Object({ ready: Type.Boolean(), reasons: Type.Array(Type.String()) }),
);

export const ClusterLeader = component(
  'ClusterLeader',
  Type.Object({ name: Type.String(), node_id: Type.String(), term: Uint64 }),
);

export const ClusterMember = component(
  'ClusterMember',
  Type.Object({
    name: Type.String(),
    node_id: Type.String(),
    leader: Type.Boolean(),
    /** Why it does not lead, whoever else may. */
    stands_back: nullable(Type.String()),
    version: Type.String(),
    record_formats: Type.Object({ min: Uint64, max: Uint64 }),
    api_url: Type.String(),
    peer_address: Type.String(),
    pid: Uint64,
    started: Timestamp,
    engine: Type.Object({ kind: Type.String(), identity: Type.String(), where: Type.String() }),
    health: Type.Object({
      at: Timestamp,
      store_ms: nullable(Type.Number()),
      lag_ms: nullable(Type.Number()),
      clock_offset_ms: nullable(Type.Number()),
      problems: Type.Array(Type.String()),
    }),
  }),
);

export const ClusterDrain = component(
  'ClusterDrain',
  Type.Object({
    node: Type.String(),
    since: Timestamp,
    by: Type.String(),
    state: words('draining', 'drained', 'absent'),
  }),
);

export const ClusterTransfer = component(
  'ClusterTransfer',
  Type.Object({ term: Uint64, to: nullable(Type.String()), asked: Timestamp }),
);

export const ClusterStore = component(
  'ClusterStore',
  Type.Object({
    status: words('ok', 'degraded', 'read_only', 'unavailable'),
    revision: Uint64,
    write_ms: Type.Number(),
    problems: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), endpoint: Type.String() })),
    members: Type.Array(
      Type.Object({
        endpoint: Type.String(),
        reachable: Type.Boolean(),
        error: Type.String(),
        leader: Type.Boolean(),
        version: Type.String(),
        db_bytes: Uint64,
        quota_bytes: Uint64,
        alarms: Type.Array(Type.String()),
        answer_ms: Type.Number(),
      }),
    ),
  }),
);

export const GetClusterResponse = component(
  'GetClusterResponse',
  Type.Object({
    cluster_id: Type.String(),
    leader: nullable(ClusterLeader),
    members: Type.Array(ref(ClusterMember)),
    drains: Type.Array(ref(ClusterDrain)),
    transfer: nullable(ClusterTransfer),
    record_format: Uint64,
    served_by: Type.Object({
      name: nullable(Type.String()),
      ready: Type.Boolean(),
      reasons: Type.Array(Type.String()),
      store: nullable(ClusterStore),
    }),
  }),
);

export const TransferLeadershipRequest = component(
  'TransferLeadershipRequest',
  Type.Object({ to: Type.Optional(nullable(Type.String())) }),
);
export const TransferLeadershipResponse = component(
  'TransferLeadershipResponse',
  Type.Object({ term: Uint64, from: Type.String(), to: nullable(Type.String()) }),
);
export const DrainNodeResponse = component(
  'DrainNodeResponse',
  Type.Object({ node: Type.String(), since: Timestamp, by: Type.String() }),
);

export const NodeParams = Type.Object({ node: Type.String() });
