// The members of etcd and the choice between them: those that answered last come first, and among them etcd's own leader.

import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../model/errors.ts';
import type { EtcdCondition } from './etcd-condition.ts';
import { checkConnection } from './etcd-connection.ts';
import type { EtcdConnection } from './etcd-connection.ts';
import { isAnswer, isNoSpace, toStoreError, wasNotSent } from './etcd-errors.ts';
import { EtcdMember } from './etcd-member.ts';
import type { Allegiance, Answer, Call } from './etcd-member.ts';

/** All tries of a read together. */
const READ_MS = 5_000;
/** Between two rounds over all members. */
const ROUND_PAUSE_MS = 50;

export interface EndpointsOptions {
  readonly connection: EtcdConnection;
  readonly condition: EtcdCondition;
  /** A key of ours that nobody writes. */
  readonly probeKey: Buffer;
}

export interface AskOptions {
  /** What was asked for, for the error when that history is gone. */
  readonly compacted?: number;
  /** The answer's revision is the store's, not only that of the member that answered. */
  readonly isLinear?: boolean;
}

/** An answer that was true once: the member was frozen, and did not notice yet that the others went on without it. */
class StaleAnswerError extends Error {
  override readonly name = 'StaleAnswerError';
}

export class EtcdEndpoints {
  readonly members: readonly EtcdMember[];
  readonly allegiance: Allegiance = { clusterId: null };
  /** Calls that went to a second member. */
  repeated = 0;
  readonly #condition: EtcdCondition;
  readonly #probeKey: Buffer;
  #isClosed = false;

  constructor({ connection, condition, probeKey }: EndpointsOptions) {
    checkConnection(connection);
    this.#condition = condition;
    this.#probeKey = probeKey;
    this.members = connection.endpoints.map((endpoint) => new EtcdMember(endpoint, connection, this.allegiance));
  }

  /** Asks one member after the other until one answers. Throws 'unavailable' when none did in time. */
  async read<T extends Answer>(call: Call<T>, options: AskOptions = {}): Promise<T> {
    const until = performance.now() + READ_MS;
    let last: unknown = null;
    for (const member of this.#rounds()) {
      if (member === null) {
        if (performance.now() > until) break;
        await pause(ROUND_PAUSE_MS);
        continue;
      }
      this.#refuse();
      try {
        return await this.#ask(member, call, options);
      } catch (error) {
        if (isAnswer(error)) throw toStoreError(error, { write: false, ...options });
        last = error;
        this.repeated += 1;
      }
    }
    throw toStoreError(last, { write: false });
  }

  /** Sends it once. Another member is tried only when the call certainly did not leave this process. */
  async write<T extends Answer>(call: Call<T>, options: AskOptions = {}): Promise<T> {
    const start = performance.now();
    let last: unknown = null;
    for (const member of this.byHealth()) {
      this.#refuse();
      if (last !== null) this.repeated += 1;
      try {
        await member.ready();
      } catch (error) {
        last = error;
        continue;
      }
      try {
        const answer = await this.#ask(member, call, options);
        this.#condition.wrote(performance.now() - start);
        return answer;
      } catch (error) {
        if (isNoSpace(error)) this.#condition.isFull = true;
        if (!wasNotSent(error)) throw toStoreError(error, { write: true });
        last = error;
      }
    }
    throw toStoreError(last, { write: true, sent: false });
  }

  /** The one to open a stream with. It is ready, or this throws. */
  async streamMember(): Promise<EtcdMember> {
    this.#refuse();
    const [member] = this.byHealth();
    if (member === undefined) throw new AppError('invalid', 'etcd: no endpoint is configured.');
    await member.ready();
    return member;
  }

  /** Why nothing more can be asked of this store, ever; null = it can. */
  get lost(): AppError | null {
    return this.#condition.lost;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
    for (const member of this.members) member.close();
  }

  /** Those that answered last, then etcd's leader (it saves a hop), otherwise in the order of the configuration. */
  byHealth(): readonly EtcdMember[] {
    return [...this.members].sort((left, right) => rank(left) - rank(right));
  }

  /** Throws when the store went back behind what this process has seen. `found` came from `member`. */
  async suspect(member: EtcdMember, found: number): Promise<void> {
    if (found >= this.#condition.revision) return;
    // A member that was frozen may answer from its past: what goes through the log of all members cannot.
    const before = this.#condition.revision;
    const probe = { success: [{ request_delete_range: { key: this.#probeKey } }] };
    const { header } = await member.ask((client, call) => client.kv.txn(probe, call));
    if (Number(header.revision) < before) throw this.#condition.wentBack(Number(header.revision));
  }

  async #ask<T extends Answer>(member: EtcdMember, call: Call<T>, { isLinear = false }: AskOptions): Promise<T> {
    const before = this.#condition.revision;
    const answer = await member.ask(call);
    if (!isLinear) return answer;
    const revision = Number(answer.header.revision);
    this.#condition.saw(revision);
    if (revision >= before) return answer;
    await this.suspect(member, revision);
    throw new StaleAnswerError(`${member.endpoint} answered from the past`);
  }

  /** The members again and again, the best first; null after each round. */
  *#rounds(): Generator<EtcdMember | null> {
    for (;;) {
      yield* this.byHealth();
      yield null;
    }
  }

  #refuse(): void {
    if (this.#condition.lost !== null) throw this.#condition.lost;
    if (this.#isClosed) {
      throw new AppError('unavailable', 'The state store is closed.', { outcome: 'not_applied' });
    }
  }
}

/** Half a step: a member that failed once more than etcd's leader comes after it in any case. */
function rank({ failures, isLeader, isForeign }: EtcdMember): number {
  return (isForeign ? 1_000_000 : 0) + failures - (isLeader ? 0.5 : 0);
}
