// Codecs of the cluster's own records.

import { recordCodec } from '../codec.ts';
import type { ClusterEngine, DrainOrder, LeaderClaim, Member, TransferOrder } from '../model/cluster.ts';

export const memberRecord = recordCodec<Member>({
  kind: 'member',
  fields: {
    name: 'string',
    nodeId: 'string',
    machine: 'string',
    pid: 'number',
    version: 'string',
    formats: 'object',
    apiUrl: 'string',
    peerAddress: 'string',
    started: 'number',
    engine: 'object',
    standsBack: 'nullable',
    health: 'object',
  },
});

export const leaderRecord = recordCodec<LeaderClaim>({
  kind: 'leader claim',
  fields: { name: 'string', nodeId: 'string', nonce: 'string', lease: 'string' },
});

export const drainRecord = recordCodec<DrainOrder>({
  kind: 'drain order',
  fields: { since: 'number', by: 'string' },
});

export const transferRecord = recordCodec<TransferOrder>({
  kind: 'transfer order',
  fields: { term: 'number', to: 'nullable', askedAt: 'number' },
});

/** Under `cluster/format`: the form in which records are written now. Only ever raised, by the leader, once all members know it. */
export interface ActiveFormat {
  readonly active: number;
}

export const formatRecord = recordCodec<ActiveFormat>({ kind: 'record format', fields: { active: 'number' } });

export const clusterEngineRecord = recordCodec<ClusterEngine>({
  kind: 'cluster engine',
  fields: { kind: 'string', identity: 'string', where: 'string', by: 'string', since: 'number' },
});
