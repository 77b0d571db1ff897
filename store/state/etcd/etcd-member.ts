// One member of etcd: its client, whether it answers, who it says it is, and our token at it. A member is asked who it is before it is
// trusted with anything: an address that leads into another cluster must not take a single write.

import type { Etcd3, IResponseHeader } from 'etcd3';
import { AppError, errorText } from '../../model/errors.ts';
import { CALL_MS, createClient, STALE_TOKEN } from './etcd-connection.ts';
import type { EtcdConnection } from './etcd-connection.ts';
import { isAnswer } from './etcd-errors.ts';

export interface CallOptions {
  /** Milliseconds since the epoch, as gRPC wants it. */
  readonly deadline: number;
}

/** Every answer of etcd has a header: who gave it, and at which revision. */
export interface Answer {
  readonly header: IResponseHeader;
}

export type Call<T extends Answer> = (client: Etcd3, options: CallOptions) => Promise<T>;

/** What all members of a store have to agree on. */
export interface Allegiance {
  /** The cluster that answered first; null = none did so far. */
  clusterId: string | null;
}

const AUTH_OLD = 'revision of auth store is old';

export class EtcdMember {
  readonly endpoint: string;
  readonly client: Etcd3;
  /** Failures since its last answer. */
  failures = 0;
  /** As it said last: calls are answered soonest where etcd's own leader is. */
  isLeader = false;
  /** Its answers carry another cluster's identity: it is not asked until it is known better. */
  isForeign = false;
  readonly #connection: EtcdConnection;
  readonly #allegiance: Allegiance;
  #token: string | null = null;
  #isReady = false;
  #readying: Promise<void> | null = null;

  constructor(endpoint: string, connection: EtcdConnection, allegiance: Allegiance) {
    this.endpoint = endpoint;
    this.#connection = connection;
    this.#allegiance = allegiance;
    this.client = createClient(endpoint, connection, () => this.#token);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Signs in and asks who it is, once for all that wait. Nothing was asked of it yet when this throws. */
  ready(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    this.#readying ??= this.#makeReady().finally(() => (this.#readying = null));
    return this.#readying;
  }

  async ask<T extends Answer>(call: Call<T>, callMs = CALL_MS): Promise<T> {
    if (!this.#isReady) await this.ready();
    const token = this.#token;
    try {
      return await this.#once(call, callMs);
    } catch (error) {
      if (!isStaleToken(error)) throw error;
      // It was refused at the door, before anything was done: the second call is no repetition.
      this.forgetToken(token);
      await this.ready();
      return await this.#once(call, callMs);
    }
  }

  get token(): string | null {
    return this.#token;
  }

  /** The token that was used does not work any more. Another call may have fetched a new one meanwhile. */
  forgetToken(used: string | null): void {
    if (this.#token !== used || this.#connection.user === undefined) return;
    this.#token = null;
    this.#isReady = false;
  }

  close(): void {
    this.client.close();
  }

  async #makeReady(): Promise<void> {
    try {
      if (this.#connection.user !== undefined && this.#token === null) await this.#signIn(this.#connection.user);
      const { header } = await this.client.maintenance.status({ deadline: Date.now() + CALL_MS });
      this.check(header);
      this.#isReady = true;
    } catch (error) {
      if (!isAnswer(error)) this.failures += 1;
      throw error;
    }
  }

  async #signIn({ name, password }: NonNullable<EtcdConnection['user']>): Promise<void> {
    try {
      const { token } = await this.client.auth.authenticate({ name, password }, { deadline: Date.now() + CALL_MS });
      this.#token = token;
    } catch (error) {
      // It asks nobody for a user, so it takes ours as well: an operator may be about to switch that on.
      if (!errorText(error).includes('authentication is not enabled')) throw error;
    }
  }

  async #once<T extends Answer>(call: Call<T>, callMs: number): Promise<T> {
    try {
      const answer = await call(this.client, { deadline: Date.now() + callMs });
      this.check(answer.header);
      this.failures = 0;
      return answer;
    } catch (error) {
      if (isAnswer(error)) this.failures = 0;
      else this.failures += 1;
      throw error;
    }
  }

  /** The first cluster that answers is ours; throws when it is another one, and the member is not asked again. */
  check({ cluster_id: clusterId }: IResponseHeader): void {
    this.#allegiance.clusterId ??= clusterId;
    this.isForeign = clusterId !== this.#allegiance.clusterId;
    if (!this.isForeign) return;
    this.#isReady = false;
    throw new AppError('unavailable', 'The state store answers as another one.', {
      detail: `${this.endpoint} belongs to another etcd cluster than the other endpoints`,
      outcome: 'not_applied',
    });
  }
}

function isStaleToken(error: unknown): boolean {
  const text = errorText(error);
  return text.includes(STALE_TOKEN) || text.includes(AUTH_OLD);
}
