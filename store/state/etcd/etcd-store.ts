// The backend of a cluster: an etcd that all nodes share.

import type { ILeaseGrantResponse, ILeaseKeepAliveResponse, IRangeResponse } from 'etcd3';
import { AppError, errorText } from '../../model/errors.ts';
import type { StoreHealth, StoreStats } from '../health.ts';
import { DEFAULT_LIMITS } from '../port.ts';
import type { KeyRange, KeyValue, Lease, RangeOptions, RangeResult, StateStore, StoreLimits } from '../port.ts';
import type { Transaction, TransactionResult, WatchBatch, WatchOptions } from '../port.ts';
import { checkKey, checkRange, checkTransaction } from '../transaction-check.ts';
import { CommitGroups } from './commit-groups.ts';
import { CommitOrder } from './commit-order.ts';
import { createEtcdCodec } from './etcd-codec.ts';
import type { EtcdCodec } from './etcd-codec.ts';
import { EtcdCondition } from './etcd-condition.ts';
import type { EtcdConnection } from './etcd-connection.ts';
import { EtcdEndpoints } from './etcd-endpoints.ts';
import type { AskOptions } from './etcd-endpoints.ts';
import { isAnswer, toStoreError } from './etcd-errors.ts';
import { EtcdHealth } from './etcd-health.ts';
import type { Answer, Call } from './etcd-member.ts';
import { openEtcdWatch } from './etcd-watch.ts';
import { ReadGroups } from './read-groups.ts';
import { HistoryKeeper, KEEP_HISTORY_MS } from './history-keeper.ts';

export interface EtcdStoreOptions extends EtcdConnection {
  /** All keys begin with it: several installations may share an etcd. Ends with a slash. */
  readonly prefix: string;
  /** As etcd was started (`--max-txn-ops`, `--max-request-bytes`); absent = its defaults. */
  readonly limits?: StoreLimits;
  /** History that is kept at the least, as other nodes may do it too. */
  readonly keepHistoryMs?: number;
  /** Told when something goes wrong with the store or is mended. */
  readonly onHealth?: (health: StoreHealth) => void;
}

/** What this backend has beside the port: for status, readiness, metrics and benches. */
export interface EtcdStore extends StateStore {
  /** What was known last; answers at once. */
  health(): StoreHealth;
  /** Asks every member now. Never throws. */
  look(): Promise<StoreHealth>;
  stats(): StoreStats;
}

const KEEP_MS = 700;
/** Ids are decimal numbers of 64 bits; others never came from here. */
const LEASE_ID = /^\d{1,19}$/;

/** Connects with the first call: an etcd that is not there yet is 'unavailable', not an error of this call. */
export function createEtcdStore(options: EtcdStoreOptions): EtcdStore {
  if (!options.prefix.endsWith('/')) throw new AppError('invalid', 'etcd: the prefix has to end with a slash.');
  return new ServedStore(options);
}

class ServedStore implements EtcdStore {
  readonly limits: StoreLimits;
  readonly #endpoints: EtcdEndpoints;
  readonly #codec: EtcdCodec;
  readonly #order = new CommitOrder();
  /** What ends each watch that is open. */
  readonly #watches = new Set<() => void>();
  readonly #condition = new EtcdCondition();
  readonly #groups: CommitGroups;
  readonly #gets: ReadGroups;
  readonly #health: EtcdHealth;
  readonly #history: HistoryKeeper;
  #isClosed = false;
  #reads = 0;
  /** Calls under way. */
  readonly #accepted = new Set<Promise<unknown>>();

  constructor(options: EtcdStoreOptions) {
    this.limits = options.limits ?? DEFAULT_LIMITS;
    this.#codec = createEtcdCodec(options.prefix);
    const condition = this.#condition;
    const probeKey = this.#codec.key('probe');
    this.#endpoints = new EtcdEndpoints({ connection: options, condition, probeKey });
    const { limits } = this;
    this.#groups = new CommitGroups({ endpoints: this.#endpoints, codec: this.#codec, condition, limits });
    this.#gets = new ReadGroups({ endpoints: this.#endpoints, codec: this.#codec });
    const { tls, onHealth } = options;
    const told = onHealth === undefined ? {} : { onHealth };
    this.#health = new EtcdHealth({ endpoints: this.#endpoints, condition, tls, ...told });
    this.#history = new HistoryKeeper({
      everyMs: options.keepHistoryMs ?? KEEP_HISTORY_MS,
      revision: () => condition.revision,
      compact: (revision) => this.compact(revision),
    });
  }

  health(): StoreHealth {
    this.#health.start();
    return this.#health.read();
  }

  look(): Promise<StoreHealth> {
    return this.#health.look();
  }

  stats(): StoreStats {
    return {
      transactionsSent: this.#groups.sent,
      commitsCarried: this.#groups.carried,
      readsSent: this.#reads + this.#gets.sent,
      callsRepeated: this.#endpoints.repeated,
    };
  }

  async range(range: KeyRange, options: RangeOptions = {}): Promise<RangeResult> {
    checkRange(range);
    const { limit = 0, revision, keysOnly = false } = options;
    const request = {
      ...this.#codec.range(range),
      limit,
      keys_only: keysOnly,
      ...(revision === undefined ? {} : { revision }),
    };
    const linear = { isLinear: true, ...(revision === undefined ? {} : { compacted: revision }) };
    return this.#page(await this.#read((client, call) => client.kv.range(request, call), linear));
  }

  #page({ kvs, more, header }: IRangeResponse): RangeResult {
    return { kvs: kvs.map((kv) => this.#codec.keyValue(kv)), more, revision: Number(header.revision) };
  }

  async get(key: string): Promise<KeyValue | null> {
    checkKey(key);
    return this.#accept(() => this.#gets.get(key));
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction, this.limits);
    return this.#accept(() => this.#order.run(transaction, (turn) => this.#groups.commit(transaction, turn)));
  }

  async watch(range: KeyRange, { fromRevision, signal }: WatchOptions): Promise<AsyncIterable<WatchBatch>> {
    checkRange(range);
    this.#refuseClosed();
    return openEtcdWatch({
      endpoints: this.#endpoints,
      codec: this.#codec,
      range,
      fromRevision: fromRevision ?? null,
      signal,
      register: (end) => {
        this.#watches.add(end);
        return () => this.#watches.delete(end);
      },
    });
  }

  async grantLease(ttlSeconds: number): Promise<Lease> {
    const grant: Call<ILeaseGrantResponse> = (client, call) => client.leaseClient.leaseGrant({ TTL: ttlSeconds }, call);
    const { ID: id, TTL: ttl } = await this.#accept(() => this.#endpoints.write(grant));
    return { id, ttlSeconds: Number(ttl) };
  }

  async keepLease(id: string, { deadlineMs = KEEP_MS }: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (!LEASE_ID.test(id)) throw gone();
    const { TTL: ttl } = await this.#read((client) =>
      keepOnce(() => client.leaseClient.leaseKeepAlive({ deadline: Date.now() + deadlineMs }), id),
    );
    if (Number(ttl) <= 0) throw gone();
  }

  async revokeLease(id: string): Promise<void> {
    try {
      const revoke: Call<Answer> = (client, call) => client.leaseClient.leaseRevoke({ ID: id }, call);
      await this.#accept(() => this.#endpoints.write(revoke));
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return;
      throw error;
    }
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#read((client, call) => client.kv.compact({ revision }, call), { compacted: revision });
    } catch (error) {
      // Compacted already, perhaps further.
      if (!(error instanceof Error && error.name === 'CompactedError')) throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#health.stop();
    this.#history.stop();
    for (const end of this.#watches) end();
    await Promise.allSettled(this.#accepted);
    this.#endpoints.close();
  }

  #read<T extends Answer>(call: Call<T>, options?: AskOptions): Promise<T> {
    this.#reads += 1;
    return this.#accept(() => this.#endpoints.read(call, options));
  }

  async #accept<T>(start: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    this.#health.start();
    this.#history.start();
    const work = start();
    this.#accepted.add(work);
    try {
      return await work;
    } finally {
      this.#accepted.delete(work);
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new AppError('unavailable', 'The state store is closed.', { outcome: 'not_applied' });
  }
}

function gone(): AppError {
  return new AppError('not_found', 'The lease is gone.');
}

interface KeepAliveStream {
  on(event: 'data', listener: (answer: ILeaseKeepAliveResponse) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  write(request: { readonly ID: string }): unknown;
  end(): void;
}

async function keepOnce(open: () => Promise<KeepAliveStream>, id: string): Promise<ILeaseKeepAliveResponse> {
  const stream = await open();
  return new Promise((resolve, reject) => {
    stream.on('data', (answer) => {
      resolve(answer);
      stream.end();
    });
    stream.on('error', (error) => {
      reject(isAnswer(error) ? toStoreError(error, { write: false }) : error);
    });
    stream.on('end', () => reject(new Error(`the keep-alive stream ended: ${errorText(id)}`)));
    stream.write({ ID: id });
  });
}
