// The state store on etcd beside etcd itself, three members on this machine: what a commit costs alone, how many fit into how few
// transactions when many come at once, and how soon a watch tells of them.

import { Etcd3 } from 'etcd3';
import { noop } from 'cockatiel';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { prefixRange } from '../../store/state/port.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { BenchRow } from './bench-row.ts';
import { quantiles } from './quantiles.ts';

/** As large as a run's record. */
const VALUE = JSON.stringify({ v: 1, text: 'x'.repeat(300) });

interface Sizes {
  readonly alone: number;
  readonly together: number;
  readonly watched: number;
}

const FULL: Sizes = { alone: 1_000, together: 6_000, watched: 1_000 };
const SMOKE: Sizes = { alone: 30, together: 300, watched: 30 };
const CLIENTS = [1, 16, 64, 256];

interface Stage {
  readonly store: EtcdStore;
  /** The client library as it is, at etcd's own leader. */
  readonly raw: Etcd3;
}

export async function etcdBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const sizes = smoke ? SMOKE : FULL;
  await using cluster = await startEtcd(3);
  const store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'bench/' });
  const { members } = await store.look();
  const leader = members.find(({ isLeader }) => isLeader)?.endpoint ?? '';
  const raw = new Etcd3({ hosts: leader, faultHandling: { global: noop, host: () => noop } });
  try {
    const stage = { store, raw };
    return [...(await alone(stage, sizes)), ...(await together(stage, sizes)), await watched(stage, sizes)];
  } finally {
    raw.close();
    await store.close();
  }
}

/** One after the other, in turns, so that both see the same machine. */
async function alone({ store, raw }: Stage, { alone: count }: Sizes): Promise<BenchRow[]> {
  const calls = {
    put: (n: number) => raw.kv.put({ key: Buffer.from(`raw/${n}`), value: Buffer.from(VALUE) }),
    commit: (n: number) => commit(store, `alone/${n}`),
    range: (n: number) => raw.kv.range({ key: Buffer.from(`raw/${n}`) }),
    get: (n: number) => store.get(`alone/${n}`),
  };
  const times = { put: [] as number[], commit: [] as number[], range: [] as number[], get: [] as number[] };
  const warmUp = Math.ceil(count / 10);
  for (let n = 0; n < count + warmUp; n += 1) {
    for (const name of ['put', 'commit', 'range', 'get'] as const) {
      const ms = await timed(() => calls[name](n));
      if (n >= warmUp) times[name].push(ms);
    }
  }
  return [
    {
      name: 'etcd: commit of 1 put under 2 compares, alone',
      figure: quantiles(times.commit),
      raw: `put ${quantiles(times.put)}`,
    },
    { name: 'etcd: get, alone', figure: quantiles(times.get), raw: `range ${quantiles(times.range)}` },
  ];
}

async function together({ store, raw }: Stage, { together: count }: Sizes): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const clients of CLIENTS) {
    const share = Math.ceil((count * Math.min(1, clients / 16)) / clients) * clients;
    const puts = await rate({ clients, count: share }, (n) =>
      raw.kv.put({ key: Buffer.from(`raw/${n}`), value: Buffer.from(VALUE) }),
    );
    const before = store.stats();
    const commits = await rate({ clients, count: share }, (n) => commit(store, `together-${clients}/${n}`));
    const after = store.stats();
    const sent = after.transactionsSent - before.transactionsSent;
    const gets = await rate({ clients, count: share }, (n) => store.get(`together-${clients}/${n}`));
    const each = (sent / (after.commitsCarried - before.commitsCarried)).toFixed(2);
    rows.push({
      name: `etcd: commits, ${clients} at once`,
      figure: `${commits}/s (${(commits / puts).toFixed(2)} x raw), ${each} transactions each; gets ${gets}/s`,
      raw: `puts ${puts}/s`,
    });
  }
  return rows;
}

/** From the call of a commit until a watch of the same store has told it. */
async function watched({ store }: Stage, { watched: count }: Sizes): Promise<BenchRow> {
  const ending = new AbortController();
  const watch = await store.watch(prefixRange('watched/'), { signal: ending.signal });
  const events = watch[Symbol.asyncIterator]();
  const [told, acknowledged]: [number[], number[]] = [[], []];
  for (let n = 0; n < count; n += 1) {
    const start = performance.now();
    const since = () => performance.now() - start;
    const committed = commit(store, `watched/${n}`).then(() => acknowledged.push(since()));
    await events.next();
    told.push(since());
    await committed;
  }
  ending.abort();
  return {
    name: 'etcd: commit called -> watch tells',
    figure: quantiles(told),
    raw: `acknowledged ${quantiles(acknowledged)}`,
  };
}

async function commit(store: EtcdStore, key: string): Promise<void> {
  const compares = [
    { target: 'create', key: 'leader', equals: 0 },
    { target: 'mod', key, equals: 0 },
  ] as const;
  const { succeeded } = await store.commit({ compares, writes: [{ op: 'put', key, value: VALUE }] });
  if (!succeeded) throw new Error('a compare failed in a bench without rivals');
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

async function rate(
  { clients, count }: { readonly clients: number; readonly count: number },
  call: (n: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  const ms = await timed(() => Promise.all(Array.from({ length: clients }, client)));
  return Math.round(count / (ms / 1_000));
}
