// Where a simulated node makes runs, put together as in cmd/server: by its own loop while it leads, through the leader while another one
// does, straight in the store when neither works.

import { createForwardedStarts } from '../../api/operations/forwarded-starts.ts';
import { createRunStarter } from '../../api/operations/run-starter.ts';
import type { RunStarter } from '../../api/operations/run-starter.ts';
import type { ClusterNode } from '../../cluster/join.ts';
import type { SchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { AppError } from '../../store/model/errors.ts';
import type { StateStore } from '../../store/state/port.ts';
import { newUuid } from '../../store/uuid.ts';
import type { SimulatedPeers } from './peer-link.ts';

interface StartDeskDeps {
  readonly state: StateStore;
  readonly now: () => number;
  readonly scheduling: SchedulingDuty;
  readonly links: SimulatedPeers;
  readonly cluster: () => ClusterNode | null;
}

/** A leader that was not heard for longer is not asked. */
const SILENT_MAX_MS = 900;
const BYTES_MAX = 100_000;

export function createStartDesk({ state, now, scheduling, links, cluster }: StartDeskDeps): RunStarter {
  const isLeading = () => scheduling.status() !== null;
  const own = createRunStarter({
    ...{ state, now },
    commitStarts: async (transaction, runs) =>
      (await scheduling.offer({ transaction, runs })) ?? state.commit(transaction),
  });
  links.serve(async (start) => {
    if (!isLeading()) throw new AppError('unavailable', 'This node does not lead.', { outcome: 'not_applied' });
    return own.start(start);
  });
  const leaderAddress = () => {
    const node = cluster();
    const leader = node?.pulse().leader ?? null;
    if (node === null || leader === null || leader.silentMs > SILENT_MAX_MS) return null;
    return node.status().members.find(({ nodeId }) => nodeId === leader.nodeId)?.peerAddress ?? null;
  };
  return createForwardedStarts({
    ...{ own, newId: newUuid, bytesMax: BYTES_MAX },
    leader: {
      isOpen: () => !isLeading() && leaderAddress() !== null,
      start: async (starts) => {
        const address = leaderAddress();
        return address === null ? starts.map(() => null) : links.handOver(address, starts);
      },
    },
  });
}
