// The backend of a cluster: an etcd that all nodes share.

import type { ILeaseGrantResponse, ILeaseKeepAliveResponse, IRangeResponse } from 'etcd3';
import { AppError, errorText } from '../../model/errors.ts';
import { statusOf } from '../health.ts';
import type { StoreHealth, StoreProblem, StoreStats } from '../health.ts';
import { DEFAULT_LIMITS } from '../port.ts';
import type { KeyRange, KeyValue, Lease, RangeOptions, RangeResult, StateStore, StoreLimits } from '../port.ts';
import type { Transaction, TransactionResult, WatchBatch, WatchOptions } from '../port.ts';
import { checkRange, checkTransaction } from '../transaction-check.ts';
import { CommitOrder } from './commit-order.ts';
import { createEtcdCodec } from './etcd-codec.ts';
import type { EtcdCodec } from './etcd-codec.ts';
import { EtcdEndpoints } from './etcd-endpoints.ts';
import type { Call, EtcdConnection } from './etcd-endpoints.ts';
import { isAnswer, toStoreError } from './etcd-errors.ts';
import { openEtcdWatch } from './etcd-watch.ts';

export interface EtcdStoreOptions extends EtcdConnection {
  /** All keys begin with it: several installations may share an etcd. Ends with a slash. */
  readonly prefix: string;
  /** As etcd was started (`--max-txn-ops`, `--max-request-bytes`); absent = its defaults. */
  readonly limits?: StoreLimits;
}

/** What this backend has beside the port: for status, readiness, metrics and benches. */
export interface EtcdStore extends StateStore {
  /** What was known last; answers at once. */
  health(): StoreHealth;
  stats(): StoreStats;
}

const KEEP_MS = 700;
/** Ids are decimal numbers of 64 bits; others never came from here. */
const LEASE_ID = /^\d{1,19}$/;

/** Connects with the first call: an etcd that is not there yet is 'unavailable', not an error of this call. */
export function createEtcdStore(options: EtcdStoreOptions): EtcdStore {
  const { endpoints, prefix } = options;
  if (endpoints.length === 0) throw new AppError('invalid', 'etcd: expected at least one endpoint.');
  if (!prefix.endsWith('/')) throw new AppError('invalid', 'etcd: the prefix has to end with a slash.');
  return new ServedStore(options);
}

class ServedStore implements EtcdStore {
  readonly limits: StoreLimits;
  readonly #endpoints: EtcdEndpoints;
  readonly #codec: EtcdCodec;
  readonly #order = new CommitOrder();
  /** What ends each watch that is open. */
  readonly #watches = new Set<() => void>();
  #isClosed = false;
  #commits = 0;
  /** Calls under way. */
  readonly #accepted = new Set<Promise<unknown>>();

  constructor(options: EtcdStoreOptions) {
    this.limits = options.limits ?? DEFAULT_LIMITS;
    this.#endpoints = new EtcdEndpoints(options);
    this.#codec = createEtcdCodec(options.prefix);
  }

  health(): StoreHealth {
    const problems: StoreProblem[] = [{ code: 'not_known_yet', message: 'etcd was not looked at yet.', endpoint: '' }];
    return { status: statusOf(problems), problems, members: [], writeMs: 0, revision: 0 };
  }

  stats(): StoreStats {
    return { transactionsSent: this.#commits, commitsCarried: this.#commits, readsSent: 0, callsRepeated: 0 };
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
    return this.#page(await this.#read((client, call) => client.kv.range(request, call), revision));
  }

  #page({ kvs, more, header }: IRangeResponse): RangeResult {
    return { kvs: kvs.map((kv) => this.#codec.keyValue(kv)), more, revision: Number(header.revision) };
  }

  async get(key: string): Promise<KeyValue | null> {
    const request = { key: this.#codec.key(key) };
    const { kvs } = await this.#read((client, call) => client.kv.range(request, call));
    const [kv] = kvs;
    return kv === undefined ? null : this.#codec.keyValue(kv);
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction, this.limits);
    const { compares, writes, readOnFailure = [] } = transaction;
    const request = {
      compare: compares.map((compare) => this.#codec.compare(compare)),
      success: writes.map((write) => this.#codec.write(write)),
      failure: readOnFailure.map((key) => ({ request_range: { key: this.#codec.key(key) } })),
    };
    const send = () => this.#endpoints.write((client, call) => client.kv.txn(request, call));
    this.#commits += 1;
    const answer = await this.#accept(() => this.#order.run(transaction, send));
    const found = answer.succeeded ? [] : answer.responses.flatMap(({ response_range: page }) => page.kvs);
    return {
      succeeded: answer.succeeded,
      revision: Number(answer.header.revision),
      found: found.map((kv) => this.#codec.keyValue(kv)),
    };
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
      const revoke: Call<unknown> = (client, call) => client.leaseClient.leaseRevoke({ ID: id }, call);
      await this.#accept(() => this.#endpoints.write(revoke));
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return;
      throw error;
    }
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#read((client, call) => client.kv.compact({ revision }, call), revision);
    } catch (error) {
      // Compacted already, perhaps further.
      if (!(error instanceof Error && error.name === 'CompactedError')) throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#watches) end();
    await Promise.allSettled(this.#accepted);
    this.#endpoints.close();
  }

  #read<T>(call: Call<T>, revision?: number): Promise<T> {
    return this.#accept(() => this.#endpoints.read(call, revision));
  }

  async #accept<T>(start: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
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
