// What is wrong with an etcd, from what its members say: sentences for operators. Pure.

import type { StoreMember, StoreProblem, StoreProblemCode } from '../health.ts';

export interface Findings {
  readonly members: readonly StoreMember[];
  /** Endpoints that lead into another cluster than the first that answered. */
  readonly foreign: readonly string[];
  /** What it says against our user; null = nothing. */
  readonly denied: string | null;
  /** Why the store is not the one any more that we knew; null = it is. */
  readonly lost: string | null;
  readonly isFull: boolean;
  readonly writeMs: number;
}

/** Share of the quota from which on an operator should look. */
const NEARLY_FULL = 0.8;
/** A write takes 2 to 5 ms on a healthy etcd; near the 700 ms of a keep-alive, leaders lose their lease. */
const SLOW_MS = 200;

export function problemsOf(findings: Findings): readonly StoreProblem[] {
  return [...wholeProblems(findings), ...findings.members.flatMap((member) => memberProblems(member, findings))];
}

function wholeProblems({ members, foreign, denied, lost, isFull, writeMs }: Findings): StoreProblem[] {
  const problems: StoreProblem[] = [];
  const tell = (code: StoreProblemCode, message: string) => problems.push({ code, message, endpoint: '' });
  const reachable = members.filter(({ isReachable }) => isReachable);
  if (lost !== null) tell('went_back', lost);
  if (denied !== null) tell('denied', denied);
  else if (members.length > 0 && foreign.length === members.length) tell('other_cluster', REPLACED);
  else if (reachable.length === 0) tell('unreachable', `No endpoint of etcd answers: ${eachError(members)}.`);
  else if (reachable.every(({ hasLeader }) => !hasLeader)) tell('no_quorum', NO_QUORUM);
  if (isFull) tell('no_space', NO_SPACE);
  if (reachable.some(({ alarms }) => alarms.includes('CORRUPT'))) tell('corrupt', CORRUPT);
  if (writeMs >= SLOW_MS) tell('slow', `Writes take ${Math.round(writeMs)} ms: ${SLOW}`);
  return problems;
}

function memberProblems(member: StoreMember, { members, foreign, denied }: Findings): StoreProblem[] {
  const { endpoint } = member;
  const problem = (code: StoreProblemCode, message: string) => [{ code, message, endpoint }];
  if (foreign.includes(endpoint)) {
    return foreign.length === members.length ? [] : problem('other_cluster', `${endpoint}: ${FOREIGN}`);
  }
  if (!member.isReachable) {
    const isAlone = !members.some(({ isReachable }) => isReachable);
    return isAlone || denied !== null ? [] : problem('member_down', `${endpoint}: ${member.error}.`);
  }
  const twin = members.find(({ id, isReachable }) => isReachable && id === member.id);
  if (twin !== member) {
    return problem(
      'same_member',
      `${endpoint} leads to the same member as ${twin?.endpoint}: one of them adds nothing.`,
    );
  }
  const { dbBytes, dbBytesInUse, quotaBytes } = member;
  if (quotaBytes === 0 || dbBytes < quotaBytes * NEARLY_FULL) return [];
  const sizes = `${megabytes(dbBytes)} of ${megabytes(quotaBytes)} MB (${megabytes(dbBytesInUse)} MB in use)`;
  return problem('nearly_full', `${endpoint}: its file has ${sizes}; ${NEARLY_FULL_TEXT}`);
}

function eachError(members: readonly StoreMember[]): string {
  return members.map(({ endpoint, error }) => `${endpoint}: ${error}`).join('; ');
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}

const NO_QUORUM =
  'The members of etcd that answer have no leader: more than half of all members have to run and reach each other. ' +
  'Nothing is lost; work goes on when they do.';
const REPLACED =
  'All endpoints lead to another etcd cluster than before: it was made anew, or the addresses were given to another one. ' +
  'Correct state_store.etcd.endpoints, or stop all nodes and start them again if this is meant.';
const FOREIGN =
  'it belongs to another etcd cluster than the other endpoints and is not used; correct state_store.etcd.endpoints.';
const NO_SPACE =
  'etcd has reached its quota and is read-only: nothing new is started, what runs goes on. ' +
  'Make space: etcdctl compact REVISION, then etcdctl defrag --cluster, then etcdctl alarm disarm; a larger --quota-backend-bytes helps for good.';
const CORRUPT =
  'etcd found the data of its members to differ (alarm CORRUPT). See its guide on disaster recovery; restore that member from the others.';
const SLOW = "etcd's disks or the network are too slow. Give etcd a disk of its own, with an fsync below 10 ms.";
const NEARLY_FULL_TEXT =
  'at the quota etcd turns read-only. When little of it is in use run etcdctl defrag, else raise --quota-backend-bytes.';
