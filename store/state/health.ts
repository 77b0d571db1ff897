// What is known of a store that other programs serve: for `gofer cluster status`, readiness and metrics. Pure vocabulary: numbers to
// be exported as they are, problems with a closed set of codes (a gauge each) and a sentence that says what to do.

/** `degraded` serves everything; `read_only` serves reads and deletes; with `unavailable` nothing can be promised. */
export type StoreStatus = 'ok' | 'degraded' | 'read_only' | 'unavailable';

export const STORE_PROBLEMS = [
  /** The first look is still under way. */
  'not_known_yet',
  /** No member answers. */
  'unreachable',
  /** Members answer, but they have no leader among them: no majority. */
  'no_quorum',
  /** Its alarm is on: it takes no writes until an operator cleared it. */
  'no_space',
  /** It found its own data damaged. */
  'corrupt',
  /** User, password, role or certificate. */
  'denied',
  /** The endpoints lead to different clusters, or all of them to another one than before. */
  'other_cluster',
  /** Restored from an older state: what was acknowledged is gone. */
  'went_back',
  /** One member does not answer; the others do. */
  'member_down',
  /** Two endpoints lead to one member. */
  'same_member',
  /** Near the size at which it turns read-only. */
  'nearly_full',
  /** Writes take long. */
  'slow',
] as const;

export type StoreProblemCode = (typeof STORE_PROBLEMS)[number];

export interface StoreProblem {
  readonly code: StoreProblemCode;
  /** What is wrong, and what to do: for operators. */
  readonly message: string;
  /** Endpoint that it is about; '' = the whole store. */
  readonly endpoint: string;
}

export interface StoreMember {
  readonly endpoint: string;
  readonly isReachable: boolean;
  /** Why not, when it is not; else ''. */
  readonly error: string;
  /** The members' own leader: has nothing to do with ours. */
  readonly isLeader: boolean;
  /** Whether it knows of a leader among them. */
  readonly hasLeader: boolean;
  /** Identity in hexadecimal, as its own tools print it; '' = never answered. */
  readonly id: string;
  readonly clusterId: string;
  readonly version: string;
  /** Size of its file, and how much of that is in use. */
  readonly dbBytes: number;
  readonly dbBytesInUse: number;
  /** Size at which it turns read-only; 0 = it does not tell. */
  readonly quotaBytes: number;
  readonly alarms: readonly string[];
  /** Time of the last answer to a question about its status. */
  readonly answerMs: number;
}

export interface StoreHealth {
  readonly status: StoreStatus;
  readonly problems: readonly StoreProblem[];
  readonly members: readonly StoreMember[];
  /** Median of the last writes in milliseconds; 0 = there were too few lately to tell. */
  readonly writeMs: number;
  /** Highest revision that an answer carried. */
  readonly revision: number;
}

/** Counters since the store was opened. */
export interface StoreStats {
  /** Transactions that went out. */
  readonly transactionsSent: number;
  /** Commits that they carried: more than transactions when commits share one. */
  readonly commitsCarried: number;
  /** Reads that went out. */
  readonly readsSent: number;
  /** Calls that were repeated at another member. */
  readonly callsRepeated: number;
}

/** Problems that leave a store working, from those that do not. */
export function statusOf(problems: readonly StoreProblem[]): StoreStatus {
  let worst: StoreStatus = 'ok';
  for (const { code } of problems) {
    const status = STATUS_OF[code];
    if (RANK[status] > RANK[worst]) worst = status;
  }
  return worst;
}

const RANK: Readonly<Record<StoreStatus, number>> = { ok: 0, degraded: 1, read_only: 2, unavailable: 3 };

const STATUS_OF: Readonly<Record<StoreProblemCode, StoreStatus>> = {
  not_known_yet: 'degraded',
  unreachable: 'unavailable',
  no_quorum: 'unavailable',
  no_space: 'read_only',
  corrupt: 'unavailable',
  denied: 'unavailable',
  other_cluster: 'unavailable',
  went_back: 'unavailable',
  member_down: 'degraded',
  same_member: 'degraded',
  nearly_full: 'degraded',
  slow: 'degraded',
};
