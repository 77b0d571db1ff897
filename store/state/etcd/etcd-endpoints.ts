// One client for each member of etcd, and the choice between them. The client library's own choice is random and knows no health, its
// retries repeat writes, and its breaker shuts a member out for a slow answer: all three are off here.

import type { ChannelOptions } from '@grpc/grpc-js';
import { setTimeout as pause } from 'node:timers/promises';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import { AppError } from '../../model/errors.ts';
import { isAnswer, toStoreError, wasNotSent } from './etcd-errors.ts';

export interface EtcdConnection {
  /** Such as http://127.0.0.1:2379; at least one. */
  readonly endpoints: readonly string[];
  /** PEM; absent = plain connections. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly user?: { readonly name: string; readonly password: string };
}

/** One try at one member. A healthy one answers within milliseconds; a hung one must not hold a leader up. */
const CALL_MS = 1_000;
/** All tries of a read together. */
const READ_MS = 5_000;
/** Between two rounds over all members. */
const ROUND_PAUSE_MS = 50;

/** A member that hangs is noticed by pings. More often than every 5 s, etcd takes them for an attack and hangs up. */
const CHANNEL: ChannelOptions = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

export interface CallOptions {
  /** Milliseconds since the epoch, as gRPC wants it. */
  readonly deadline: number;
}

export type Call<T> = (client: Etcd3, options: CallOptions) => Promise<T>;

interface Member {
  readonly client: Etcd3;
  /** Failures since its last answer. */
  failures: number;
}

export class EtcdEndpoints {
  readonly #members: readonly Member[];
  #isClosed = false;

  constructor(connection: EtcdConnection) {
    this.#members = connection.endpoints.map((hosts) => ({ client: createClient(hosts, connection), failures: 0 }));
  }

  /** Asks one member after the other until one answers. Throws 'unavailable' when none did in time. */
  async read<T>(call: Call<T>, compacted?: number): Promise<T> {
    const until = performance.now() + READ_MS;
    const revision = compacted === undefined ? {} : { compacted };
    let last: unknown = null;
    for (;;) {
      for (const member of this.#byHealth()) {
        this.#refuseClosed();
        const answer = await this.#ask(member, call).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        );
        if ('value' in answer) return answer.value;
        if (isAnswer(answer.error)) throw toStoreError(answer.error, { write: false, ...revision });
        last = answer.error;
      }
      if (performance.now() > until) throw toStoreError(last, { write: false });
      await pause(ROUND_PAUSE_MS);
    }
  }

  /** Sends it once. Another member is tried only when the call certainly did not leave this process. */
  async write<T>(call: Call<T>): Promise<T> {
    let last: unknown = null;
    for (const member of this.#byHealth()) {
      this.#refuseClosed();
      try {
        return await this.#ask(member, call);
      } catch (error) {
        if (!wasNotSent(error)) throw toStoreError(error, { write: true });
        last = error;
      }
    }
    throw toStoreError(last, { write: true });
  }

  /** The member to open a stream with; `failed` tells when it did not last. */
  streamMember(): { readonly client: Etcd3; readonly failed: () => void; readonly works: () => void } {
    this.#refuseClosed();
    const [member] = this.#byHealth();
    if (member === undefined) throw new AppError('invalid', 'etcd: no endpoint is configured.');
    return {
      client: member.client,
      failed: () => (member.failures += 1),
      works: () => (member.failures = 0),
    };
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
    for (const { client } of this.#members) client.close();
  }

  async #ask<T>(member: Member, call: Call<T>): Promise<T> {
    try {
      const answer = await call(member.client, { deadline: Date.now() + CALL_MS });
      member.failures = 0;
      return answer;
    } catch (error) {
      if (isAnswer(error)) member.failures = 0;
      else member.failures += 1;
      throw error;
    }
  }

  /** Those that answered last come first, otherwise in the order of the configuration. */
  #byHealth(): readonly Member[] {
    return [...this.#members].sort((left, right) => left.failures - right.failures);
  }

  #refuseClosed(): void {
    if (this.#isClosed) {
      throw new AppError('unavailable', 'The state store is closed.', { outcome: 'not_applied' });
    }
  }
}

function createClient(hosts: string, { tls, user }: EtcdConnection): Etcd3 {
  return new Etcd3({
    hosts,
    grpcOptions: CHANNEL,
    faultHandling: { global: noop, host: () => noop },
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + CALL_MS }),
    ...(tls === undefined ? {} : { credentials: credentialsOf(tls) }),
    ...(user === undefined ? {} : { auth: { username: user.name, password: user.password } }),
  });
}

function credentialsOf({ ca, cert, key }: NonNullable<EtcdConnection['tls']>) {
  return cert === undefined || key === undefined
    ? { rootCertificate: ca }
    : { rootCertificate: ca, certChain: cert, privateKey: key };
}
