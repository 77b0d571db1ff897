// Commits that have nothing to do with each other share one transaction of etcd, each as a nested transaction with its own compares and
// its own outcome. A transaction of etcd costs a round through the log of its members however little is in it.
//
// Why this is one after the other, in the order in which they were asked for: etcd looks at all nested compares before it writes
// anything, and `CommitOrder` lets no commit in here while an earlier one is under way that writes a key which it compares, reads or
// writes. So what each of them finds is what it would find after those before it; those after it are not done yet when it reads. They
// share a revision: a revision orders commits, it does not name one.

import type { ICompare, IKeyValue, IRequestOp, IResponseOp, ITxnRequest, ITxnResponse } from 'etcd3';
import { isAppError } from '../../model/errors.ts';
import type { StoreLimits, Transaction, TransactionResult } from '../port.ts';
import type { EtcdCodec } from './etcd-codec.ts';
import type { EtcdCondition } from './etcd-condition.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';
import { isNoSpace } from './etcd-errors.ts';
import { Gathering } from './gathering.ts';

export interface CommitGroupsDeps {
  readonly endpoints: EtcdEndpoints;
  readonly codec: EtcdCodec;
  readonly condition: EtcdCondition;
  readonly limits: StoreLimits;
}

/**
 * With one, a request that hangs or is large would hold up all others. Measured with 16 to 256 clients on three members: four and eight
 * make the groups small again, and everything slower (256 clients: p50 30 ms with one or two lanes, 31 to 76 ms with four).
 */
const LANES = 2;
/** A request holds up the heartbeats of etcd's members that wait behind it, so it stays well below what etcd takes. */
const GROUP_BYTES_MAX = 512 * 1024;
const GROUP_OPERATIONS_MAX = 512;
/** What a compare or an operation takes on the wire beside its texts, generously. */
const OPERATION_BYTES = 32;
/** Never written: it stands where it is counted but not reached. */
const QUOTA_KEY = 'quota';

interface Member {
  /** Its place among all commits of this store. */
  readonly turn: number;
  readonly request: ITxnRequest;
  readonly puts: boolean;
  /** As etcd counts them: the longest of its three lists. */
  readonly depth: number;
  readonly operations: number;
  readonly bytes: number;
  readonly resolve: (result: TransactionResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Outcome {
  readonly own: ITxnResponse | undefined;
  /** Of the whole group. */
  readonly answer: ITxnResponse;
  /** The revision at which the compares were looked at. */
  readonly before: number;
}

export class CommitGroups {
  /** Transactions that went out, and commits that they carried. */
  sent = 0;
  carried = 0;
  readonly #deps: CommitGroupsDeps;
  readonly #gathering: Gathering<Member>;

  constructor(deps: CommitGroupsDeps) {
    this.#deps = deps;
    this.#gathering = new Gathering<Member>({
      lanes: LANES,
      cut: (waiting) => this.#cut(waiting),
      send: (members) => this.#send(members),
      refuse: (member, error) => member.reject(error),
    });
  }

  commit(transaction: Transaction, turn: number): Promise<TransactionResult> {
    this.carried += 1;
    return new Promise((resolve, reject) => {
      this.#gathering.add({ ...this.#encode(transaction), turn, resolve, reject });
    });
  }

  #encode({ compares, writes, readOnFailure = [] }: Transaction): Omit<Member, 'turn' | 'resolve' | 'reject'> {
    const { codec } = this.#deps;
    const request = {
      compare: compares.map((compare) => codec.compare(compare)),
      success: writes.map((write) => codec.write(write)),
      failure: readOnFailure.map((key) => ({ request_range: { key: codec.key(key) } })),
    };
    const operations = compares.length + writes.length + readOnFailure.length;
    return {
      request,
      puts: writes.some(({ op }) => op === 'put'),
      depth: Math.max(compares.length, writes.length, readOnFailure.length),
      operations,
      bytes: bytesOf(request) + operations * OPERATION_BYTES,
    };
  }

  /** From the first on, as many as one request takes. */
  #cut(waiting: readonly Member[]): number {
    const { limits, condition } = this.#deps;
    const [first] = waiting;
    let bytes = 0;
    let operations = 0;
    let depth = 0;
    for (const [index, member] of waiting.entries()) {
      bytes += member.bytes;
      operations += member.operations;
      depth = Math.max(depth, member.depth);
      // etcd counts along each path: the group's list, then the longest list in it.
      const isFull = index + 1 + depth > limits.operationsMax;
      const isLarge = bytes > Math.min(GROUP_BYTES_MAX, limits.bytesMax) || operations > GROUP_OPERATIONS_MAX;
      // Deletes are what makes space: without company they are taken also when etcd has none.
      const isMixed = condition.isFull && member.puts !== first?.puts;
      if (index > 0 && (isFull || isLarge || isMixed)) return index;
    }
    return waiting.length;
  }

  async #send(arrived: readonly Member[]): Promise<void> {
    const [only] = arrived;
    if (only !== undefined && arrived.length === 1) return this.#sendAlone(only);
    // One that had to wait for others may arrive after a later one that writes what it reads.
    const members = [...arrived].sort((left, right) => left.turn - right.turn);
    try {
      const answer = await this.#transact(groupOf(members, this.#quotaCarrier(members)));
      this.#wroteAll(members);
      const before = Number(answer.header.revision) - (hasChanged(answer.responses) ? 1 : 0);
      for (const [index, member] of members.entries()) {
        member.resolve(this.#resultOf(member, { own: answer.responses[index]?.response_txn, answer, before }));
      }
    } catch (error) {
      await this.#sendApart(members, error);
    }
  }

  async #sendAlone(member: Member): Promise<void> {
    try {
      const answer = await this.#transact(member.request);
      this.#wroteAll([member]);
      const before = Number(answer.header.revision);
      member.resolve(this.#resultOf(member, { own: answer, answer, before }));
    } catch (error) {
      member.reject(error);
    }
  }

  /** What was refused was not done, for one member's sake: the others go again, each alone. */
  async #sendApart(members: readonly Member[], error: unknown): Promise<void> {
    const isRefused = isAppError(error) ? error.outcome === 'not_applied' && error.code !== 'unavailable' : false;
    const isFull = isNoSpace(error);
    const apart = isRefused ? members : members.filter(({ puts }) => isFull && !puts);
    for (const member of members) if (!apart.includes(member)) member.reject(error);
    await Promise.all(apart.map((member) => this.#sendAlone(member)));
  }

  async #transact(request: ITxnRequest): Promise<ITxnResponse> {
    this.sent += 1;
    return this.#deps.endpoints.write((client, call) => client.kv.txn(request, call), { isLinear: true });
  }

  #wroteAll(members: readonly Member[]): void {
    if (members.some(({ puts }) => puts)) this.#deps.condition.isFull = false;
  }

  /**
   * etcd before 3.5.33 and 3.6.14 does not look into nested transactions for its quota: groups would fill its disk beyond every alarm. It does count
   * the branch that is not taken, so one small put stands there for all of them.
   */
  #quotaCarrier(members: readonly Member[]): IRequestOp[] {
    if (!members.some(({ puts }) => puts)) return [];
    return [{ request_put: { key: this.#deps.codec.key(QUOTA_KEY), value: Buffer.alloc(0) } }];
  }

  #resultOf({ request }: Member, { own, answer, before }: Outcome): TransactionResult {
    if (own === undefined) throw new Error('etcd answered with fewer responses than there were requests');
    if (own.succeeded) {
      const revision = request.success?.length === 0 ? before : Number(answer.header.revision);
      return { succeeded: true, revision, found: [] };
    }
    const found = own.responses.flatMap(({ response_range: page }): IKeyValue[] => page.kvs);
    return { succeeded: false, revision: before, found: found.map((kv) => this.#deps.codec.keyValue(kv)) };
  }
}

function groupOf(members: readonly Member[], failure: IRequestOp[]): ITxnRequest {
  return { compare: [], success: members.map(({ request }) => ({ request_txn: request })), failure };
}

/** Whether the group made a revision: a transaction that only deletes what is not there makes none. */
function hasChanged(responses: readonly IResponseOp[]): boolean {
  return responses.some(({ response_txn: { succeeded, responses: own } }) => {
    if (!succeeded) return false;
    return own.some(({ response_put: put, response_delete_range: deleted }) => {
      const isPut = put !== undefined && put !== null;
      return isPut || Number(deleted?.deleted ?? 0) > 0;
    });
  });
}

function bytesOf(request: {
  readonly compare: ICompare[];
  readonly success: IRequestOp[];
  readonly failure: IRequestOp[];
}) {
  let bytes = 0;
  for (const { key, value } of request.compare) bytes += lengthOf(key) + lengthOf(value);
  for (const { request_put: put, request_delete_range: gone } of request.success) {
    bytes += lengthOf(put?.key) + lengthOf(put?.value) + lengthOf(gone?.key) + lengthOf(gone?.range_end);
  }
  for (const { request_range: range } of request.failure) bytes += lengthOf(range?.key);
  return bytes;
}

function lengthOf(bytes: Buffer | undefined): number {
  return bytes?.length ?? 0;
}
