// From the operations to the wire: the cluster. Pure.

import type { Static } from 'typebox';
import type { ClusterStatus, ServingNode } from '../../operations/cluster.ts';
import type { MemberView } from '../../operations/cluster-view.ts';
import type { ClusterMember, ClusterStore, GetClusterResponse } from '../schemas/cluster.ts';

export function wireCluster(status: ClusterStatus): Static<typeof GetClusterResponse> {
  const { leader, transfer, servedBy } = status;
  return {
    cluster_id: status.clusterId,
    leader: leader === null ? null : { name: leader.name, node_id: leader.nodeId, term: leader.term },
    members: status.members.map(wireMember),
    drains: status.drains.map(({ node, since, by, state }) => ({ node, since, by, state })),
    transfer: transfer === null ? null : { term: transfer.term, to: transfer.to, asked: transfer.askedAt },
    record_format: status.recordFormat,
    served_by: {
      name: servedBy.name,
      ready: servedBy.readiness.ready,
      reasons: [...servedBy.readiness.reasons],
      store: wireStore(servedBy.store),
    },
  };
}

function wireMember({ member, isLeader }: MemberView): Static<typeof ClusterMember> {
  const { formats, engine, health } = member;
  return {
    name: member.name,
    node_id: member.nodeId,
    leader: isLeader,
    stands_back: member.standsBack,
    version: member.version,
    record_formats: { min: formats.min, max: formats.max },
    api_url: member.apiUrl,
    peer_address: member.peerAddress,
    pid: member.pid,
    started: member.started,
    engine: { kind: engine.kind, identity: engine.identity, where: engine.where },
    health: {
      at: health.at,
      store_ms: health.storeMs,
      lag_ms: health.lagMs,
      clock_offset_ms: health.clockOffsetMs,
      problems: [...health.problems],
    },
  };
}

function wireStore(store: ServingNode['store']): Static<typeof ClusterStore> | null {
  if (store === null) return null;
  return {
    status: store.status,
    revision: store.revision,
    write_ms: store.writeMs,
    problems: store.problems.map(({ code, message, endpoint }) => ({ code, message, endpoint })),
    members: store.members.map((member) => ({
      endpoint: member.endpoint,
      reachable: member.isReachable,
      error: member.error,
      leader: member.isLeader,
      version: member.version,
      db_bytes: member.dbBytes,
      quota_bytes: member.quotaBytes,
      alarms: [...member.alarms],
      answer_ms: member.answerMs,
    })),
  };
}
