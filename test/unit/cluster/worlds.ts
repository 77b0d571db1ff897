// Members for tables of cases.

import type { Member } from '../../../store/model/cluster.ts';

export function aMember(overrides: {
  readonly name?: string;
  readonly standsBack?: string | null;
  readonly identity?: string;
  readonly formats?: Member['formats'];
  readonly nodeId?: string;
}): Member {
  const { name = 'a', standsBack = null, identity = 'shared', formats = { min: 1, max: 1 } } = overrides;
  return {
    ...{ name, nodeId: overrides.nodeId ?? `${name}-1`, machine: 'm1', pid: 1, version: '1.0.0', formats },
    ...{ apiUrl: `http://${name}:8080`, peerAddress: `${name}:7000`, started: 1, standsBack },
    engine: { kind: 'process', identity, where: '/tasks' },
    health: { at: 1, storeMs: null, lagMs: null, clockOffsetMs: null, problems: [] },
  };
}
