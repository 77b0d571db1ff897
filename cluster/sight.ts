// What the records of the cluster say, all of them at one revision. Pure: records in, words out.

import { FIRST_FORMAT } from '../store/codec.ts';
import type { RecordCodec } from '../store/codec.ts';
import { keys } from '../store/keys.ts';
import type { ClusterEngine, LeaderClaim, Member, TransferOrder } from '../store/model/cluster.ts';
import {
  clusterEngineRecord,
  formatRecord,
  leaderRecord,
  memberRecord,
  transferRecord,
} from '../store/records/cluster-records.ts';
import type { KeyValue } from '../store/state/port.ts';
import { rangeTest } from '../store/state/text.ts';

export interface SeenLeader {
  readonly claim: LeaderClaim;
  readonly term: number;
  /** Under which the key really lies. */
  readonly lease: string;
}

export interface SeenMember {
  readonly member: Member;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: string;
}

export interface Sight {
  readonly revision: number;
  readonly leader: SeenLeader | null;
  /** By name. */
  readonly members: readonly SeenMember[];
  readonly drained: ReadonlySet<string>;
  readonly transfer: { readonly order: TransferOrder; readonly modRevision: number } | null;
  /** `modRevision` 0 = not recorded. */
  readonly format: { readonly active: number; readonly modRevision: number };
  readonly engine: { readonly record: ClusterEngine; readonly modRevision: number } | null;
  /** Keys of records that cannot be read. */
  readonly damaged: readonly string[];
}

const isMemberKey = rangeTest(keys.members());
const isDrainKey = rangeTest(keys.drains());

export function sightOf(kvs: ReadonlyMap<string, KeyValue>, revision: number): Sight {
  const damaged: string[] = [];
  const sorted = [...kvs.values()].sort((left, right) => (left.key < right.key ? -1 : 1));

  function read<T>(codec: RecordCodec<T>, kv: KeyValue): T | null {
    try {
      return codec.decode(kv.value);
    } catch {
      damaged.push(kv.key);
      return null;
    }
  }

  function readAt<T>(codec: RecordCodec<T>, key: string): { record: T; modRevision: number } | null {
    const kv = kvs.get(key);
    const record = kv === undefined ? null : read(codec, kv);
    return kv === undefined || record === null ? null : { record, modRevision: kv.modRevision };
  }

  function leader(): SeenLeader | null {
    const kv = kvs.get(keys.leader());
    if (kv === undefined) return null;
    // Whatever is written in it, the key is there: nobody else can lead.
    const claim = read(leaderRecord, kv) ?? { name: '', nodeId: '', nonce: '', lease: kv.lease };
    return { claim, term: kv.createRevision, lease: kv.lease };
  }

  function members(): SeenMember[] {
    return sorted.flatMap((kv) => {
      const member = isMemberKey(kv.key) ? read(memberRecord, kv) : null;
      if (member === null) return [];
      return [{ member, createRevision: kv.createRevision, modRevision: kv.modRevision, lease: kv.lease }];
    });
  }

  const transfer = readAt(transferRecord, keys.transfer());
  const format = readAt(formatRecord, keys.format());
  const drains = sorted.filter((kv) => isDrainKey(kv.key));
  return {
    revision,
    leader: leader(),
    members: members(),
    drained: new Set(drains.map((kv) => kv.key)),
    transfer: transfer === null ? null : { order: transfer.record, modRevision: transfer.modRevision },
    format: { active: format?.record.active ?? FIRST_FORMAT, modRevision: format?.modRevision ?? 0 },
    engine: readAt(clusterEngineRecord, keys.clusterEngine()),
    damaged,
  };
}

/** A drain order that cannot be read is obeyed as well: somebody wanted the node empty. */
export function isDrained(sight: Sight, name: string): boolean {
  return sight.drained.has(keys.drain(name));
}

export function memberNamed(sight: Sight, name: string): SeenMember | null {
  return sight.members.find(({ member }) => member.name === name) ?? null;
}
