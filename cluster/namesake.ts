// An older node holds the name of this one: its predecessor that died, or a second node that was given the same name by mistake.
// A predecessor makes way at once; a node that is alive is never pushed aside.

import { keys } from '../store/keys.ts';
import { AppError } from '../store/model/errors.ts';
import type { Peers, ProbeResult } from './peers/port.ts';
import type { SelfDescription } from './options.ts';
import type { Sight, SeenMember } from './sight.ts';
import { memberNamed } from './sight.ts';
import type { KeepingDeps } from './tenure.ts';
import type { ClusterView } from './view.ts';
import { pause } from './waiting.ts';

export interface NamesakeCase {
  /** The store belongs to this process, so whoever wrote to it before is gone. */
  readonly alone: boolean;
  /** Null = the machine of one of the two is not known, or they differ. */
  readonly process: 'gone' | 'there' | null;
  /** Null = not probed. */
  readonly probe: ProbeResult | null;
  /** Its record was written again since this node looks at it. */
  readonly stirred: boolean;
  /** This node had the name before, lost it, and wants it back: not at the price of a quarrel. */
  readonly rejoining: boolean;
  readonly waitedMs: number;
  readonly waitMs: number;
}

export type NamesakeVerdict = 'take_over' | 'wait' | 'refuse';

export function judgeNamesake(namesake: NamesakeCase): NamesakeVerdict {
  const { alone, process, probe, stirred, rejoining, waitedMs, waitMs } = namesake;
  if (alone) return 'take_over';
  if (probe === 'alive') return 'refuse';
  if (process === 'gone') return 'take_over';
  if (stirred) return 'refuse';
  if (probe === 'gone' && !rejoining) return 'take_over';
  return waitedMs >= waitMs ? 'refuse' : 'wait';
}

export interface NamesakeDeps extends KeepingDeps {
  readonly self: SelfDescription;
  readonly view: ClusterView;
  readonly peers: Peers | null;
  readonly isProcessGone: (pid: number) => boolean;
}

/** Resolves when the name is free, as far as can be told. Throws AppError('conflict') when another node is alive under it. */
export async function waitForName(deps: NamesakeDeps, rejoining: boolean, signal: AbortSignal): Promise<void> {
  const { view, self, timings, monotonicMs, log } = deps;
  const startedMs = monotonicMs();
  const first = memberNamed(view.sight(), self.name);
  while (first !== null && !signal.aborted) {
    const old = memberNamed(view.sight(), self.name);
    if (old?.createRevision !== first.createRevision) return;
    const verdict = judgeNamesake({
      alone: deps.peers === null,
      process: processOf(deps, old),
      probe: await probe(deps, old),
      stirred: old.modRevision !== first.modRevision,
      rejoining,
      waitedMs: monotonicMs() - startedMs,
      waitMs: timings.nameWaitMs,
    });
    if (verdict === 'refuse') throw nameTaken(old);
    if (verdict === 'take_over') {
      log.info({ name: self.name, predecessor: old.member.nodeId }, 'taking over the name of a node that is gone');
      return pushAside(deps, old, view.sight());
    }
    log.info(
      { name: self.name, predecessor: old.member.nodeId },
      'waiting for the lease of an older node of this name',
    );
    await pause(timings.retryMs, signal);
    await view.refresh();
  }
}

function processOf({ self, isProcessGone }: NamesakeDeps, { member }: SeenMember): 'gone' | 'there' | null {
  if (self.machine === '' || member.machine !== self.machine) return null;
  // Its process id is ours now.
  if (member.pid === self.pid) return 'gone';
  return isProcessGone(member.pid) ? 'gone' : 'there';
}

async function probe({ peers, timings }: NamesakeDeps, { member }: SeenMember): Promise<ProbeResult | null> {
  if (peers === null || member.peerAddress === '') return null;
  return peers.probe(
    { name: member.name, nodeId: member.nodeId, address: member.peerAddress },
    timings.probeDeadlineMs,
  );
}

/** Leases are named, and each is granted once: what has been claimed since under others is not touched. */
async function pushAside({ line, view }: NamesakeDeps, old: SeenMember, { leader }: Sight): Promise<void> {
  if (leader?.claim.nodeId === old.member.nodeId) await line.revoke(leader.lease);
  await line.revoke(old.lease);
  await view.refresh();
}

function nameTaken({ member }: SeenMember): AppError {
  const where = [member.peerAddress, member.apiUrl].find((text) => text !== '') ?? 'an unknown address';
  return new AppError(
    'conflict',
    `A node named ${member.name} is alive already (${where}, process ${member.pid}). Give each node a name of its own: cluster.name.`,
    { detail: keys.member(member.name) },
  );
}
