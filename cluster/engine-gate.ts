// One engine for the cluster: the attempts of a run can be adopted only by a node that reaches them. The first node records its
// engine; a node with another one is a member that stands back. The record changes only while nobody leads, and only after no live
// member has had the recorded engine for a while, so that an operator can move the cluster by restarting all of its nodes.

import { keys } from '../store/keys.ts';
import type { ClusterEngine, MemberEngine } from '../store/model/cluster.ts';
import type { Instant } from '../store/model/ids.ts';
import { errorText } from '../store/model/errors.ts';
import { clusterEngineRecord } from '../store/records/cluster-records.ts';
import type { Compare } from '../store/state/port.ts';
import type { ClusterLog, ClusterTimings } from './timings.ts';
import type { Sight } from './sight.ts';
import type { StoreLine } from './store-line.ts';
import type { ClusterView } from './view.ts';
import { createBell, pause } from './waiting.ts';

export type EngineVerdict = 'same' | 'record' | 'stand_back' | 'move';

export interface EngineCase {
  readonly own: MemberEngine;
  readonly sight: Pick<Sight, 'engine' | 'leader' | 'members'>;
  /** For how long no live member has had the recorded engine, and nobody has led. */
  readonly orphanedMs: number;
  readonly moveMs: number;
}

export function judgeEngine({ own, sight, orphanedMs, moveMs }: EngineCase): EngineVerdict {
  if (sight.engine === null) return 'record';
  if (isSame(sight.engine.record, own)) return 'same';
  return isOrphaned(sight) && orphanedMs >= moveMs ? 'move' : 'stand_back';
}

function isSame(left: MemberEngine, right: MemberEngine): boolean {
  return left.kind === right.kind && left.identity === right.identity;
}

function isOrphaned({ engine, leader, members }: EngineCase['sight']): boolean {
  if (engine === null || leader !== null) return false;
  return members.every(({ member }) => !isSame(member.engine, engine.record));
}

export interface EngineGate {
  /** Why this node must not lead; null = its engine is the cluster's. */
  standsBack(): string | null;
  /** Holds while the record is the one that `standsBack` was asked about: part of every claim to lead. */
  compare(): Compare;
  /** Records this node's engine when that is due, until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
}

export interface EngineGateDeps {
  readonly line: StoreLine;
  readonly view: ClusterView;
  readonly self: { readonly name: string; readonly engine: MemberEngine };
  readonly timings: ClusterTimings;
  /** The store belongs to this process: nobody else can be waiting for the old engine. */
  readonly alone: boolean;
  readonly monotonicMs: () => number;
  readonly now: () => Instant;
  readonly log: ClusterLog;
}

export function createEngineGate(deps: EngineGateDeps): EngineGate {
  const { line, view, self, timings, monotonicMs, log } = deps;
  const own = self.engine;
  let orphanedSinceMs: number | null = null;

  async function look(): Promise<void> {
    const sight = view.sight();
    const nowMs = monotonicMs();
    orphanedSinceMs = isOrphaned(sight) ? (orphanedSinceMs ?? nowMs) : null;
    const orphanedMs = orphanedSinceMs === null ? 0 : nowMs - orphanedSinceMs;
    const verdict = judgeEngine({ own, sight, orphanedMs, moveMs: deps.alone ? 0 : timings.engineMoveMs });
    if (verdict === 'same' || verdict === 'stand_back') return;
    await record(sight.engine?.record ?? null);
  }

  async function record(before: ClusterEngine | null): Promise<void> {
    const value = clusterEngineRecord.encode({ ...own, by: self.name, since: deps.now() });
    const { succeeded } = await line.commit({
      // Nobody may lead with the old engine while it is replaced.
      compares: [compare(), { target: 'create', key: keys.leader(), equals: 0 }],
      writes: [{ op: 'put', key: keys.clusterEngine(), value }],
    });
    if (succeeded && before !== null)
      log.warn({ from: before.where, to: own.where }, 'the cluster moves to another engine');
    await view.refresh();
  }

  function compare(): Compare {
    return { target: 'mod', key: keys.clusterEngine(), equals: view.sight().engine?.modRevision ?? 0 };
  }

  function standsBack(): string | null {
    const { engine } = view.sight();
    if (engine === null) return 'The engine of the cluster is not recorded yet.';
    if (isSame(engine.record, own)) return null;
    return (
      `Its engine, ${own.kind} (${own.where}), is not the one of the cluster, ${engine.record.kind} (${engine.record.where}, ` +
      `recorded by ${engine.record.by}): it could not go on with what runs there. Give all nodes the same engine; to move the ` +
      'whole cluster to another one, restart all nodes with it.'
    );
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const bell = createBell();
    const silence = view.tell(bell);
    while (!signal.aborted) {
      try {
        await look();
      } catch (error) {
        log.warn({ error: errorText(error) }, 'the engine of the cluster could not be recorded');
        await pause(timings.retryMs, signal);
      }
      await bell.wait(timings.pollMs, signal);
    }
    silence();
  }

  return { standsBack, compare, follow };
}
