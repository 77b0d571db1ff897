// The records of the cluster as one picture: all read at one revision.

import { FIRST_FORMAT } from '../../store/codec.ts';
import { keys } from '../../store/keys.ts';
import type { Member } from '../../store/model/cluster.ts';
import type { Instant } from '../../store/model/ids.ts';
import {
  drainRecord,
  formatRecord,
  leaderRecord,
  memberRecord,
  transferRecord,
} from '../../store/records/cluster-records.ts';
import { installationRecord } from '../../store/records/system-records.ts';
import type { KeyValue, StateStore } from '../../store/state/port.ts';

export interface LeaderView {
  readonly name: string;
  readonly nodeId: string;
  readonly term: number;
}

export interface MemberView {
  readonly member: Member;
  readonly isLeader: boolean;
}

export interface DrainView {
  readonly node: string;
  readonly since: Instant;
  readonly by: string;
  /** `draining` = not all of it is done; `drained` = it takes nothing and does not lead; `absent` = no such member now. */
  readonly state: 'draining' | 'drained' | 'absent';
}

export interface ClusterView {
  readonly clusterId: string;
  /** Null = nobody leads at the moment. */
  readonly leader: LeaderView | null;
  /** By name. */
  readonly members: readonly MemberView[];
  readonly drains: readonly DrainView[];
  /** Asked for and not yet done. */
  readonly transfer: { readonly term: number; readonly to: string | null; readonly askedAt: Instant } | null;
  /** The form in which records are written. */
  readonly recordFormat: number;
}

export async function readCluster(state: StateStore): Promise<ClusterView> {
  // A cluster has a handful of records: one answer holds them.
  const [{ kvs }, installation] = await Promise.all([state.range(keys.cluster()), state.get(keys.meta())]);
  const one = (key: string) => kvs.find((kv) => kv.key === key) ?? null;
  const leader = leaderOf(one(keys.leader()));
  const members = kvs
    .filter(({ key }) => isIn(keys.members(), key))
    .map((kv) => ({ kv, member: memberRecord.decode(kv.value) }));
  const format = one(keys.format());
  return {
    clusterId: installation === null ? '' : installationRecord.decode(installation.value).installationId,
    leader,
    members: members.map(({ member }) => ({ member, isLeader: member.nodeId === leader?.nodeId })),
    drains: kvs.filter(({ key }) => isIn(keys.drains(), key)).map((kv) => drainOf(kv, { members, leader })),
    transfer: transferOf(one(keys.transfer()), leader),
    recordFormat: format === null ? FIRST_FORMAT : formatRecord.decode(format.value).active,
  };
}

function isIn({ start, end }: { readonly start: string; readonly end: string }, key: string): boolean {
  return key >= start && key < end;
}

function leaderOf(kv: KeyValue | null): LeaderView | null {
  if (kv === null) return null;
  const { name, nodeId } = leaderRecord.decode(kv.value);
  return { name, nodeId, term: kv.createRevision };
}

/** An order about another term is over: nobody will carry it out any more. */
function transferOf(kv: KeyValue | null, leader: LeaderView | null): ClusterView['transfer'] {
  if (kv === null) return null;
  const order = transferRecord.decode(kv.value);
  return order.term === leader?.term ? order : null;
}

interface MemberRecord {
  readonly kv: KeyValue;
  readonly member: Member;
}

function drainOf(
  kv: KeyValue,
  { members, leader }: { readonly members: readonly MemberRecord[]; readonly leader: LeaderView | null },
): DrainView {
  const node = decodeURIComponent(kv.key.slice(keys.drain('').length));
  return { node, ...drainRecord.decode(kv.value), state: drainState(kv, { found: memberOf(members, node), leader }) };
}

function memberOf(members: readonly MemberRecord[], node: string): MemberRecord | null {
  return members.find(({ member }) => member.name === node) ?? null;
}

/** A heartbeat that is newer than the order was written by a node that knows it. */
function drainState(
  order: KeyValue,
  { found, leader }: { readonly found: MemberRecord | null; readonly leader: LeaderView | null },
): DrainView['state'] {
  if (found === null) return 'absent';
  const knowsIt = found.kv.modRevision > order.modRevision;
  return knowsIt && found.member.nodeId !== leader?.nodeId ? 'drained' : 'draining';
}
