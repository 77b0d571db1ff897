// The leader's loop on three etcd members of this machine, beside what etcd itself does in the same run.

import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import type { EtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { BenchRow } from './bench-row.ts';
import { latencies, leadingStage, sustained } from './loop-stage.ts';
import { quantiles } from './quantiles.ts';

/** One client needs this many commits for each run that it starts: its own. */
const OWN_COMMITS = 1;

export async function loopEtcdBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  await using cluster = await startEtcd(3);
  const state = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'bench/' });
  try {
    await using stage = await leadingStage(state);
    const raw = quantiles(await commitTimes(state, smoke ? 100 : 1_000));
    const idle = counters(state);
    const times = await latencies(stage, smoke ? 100 : 1_000);
    const atRest = idle(times.length);
    const loaded = counters(state);
    const runs = smoke ? 2_000 : 10_000;
    const { perSecond, processorMs } = await sustained(state, runs);
    return [
      { name: 'start asked -> engine told, idle, loop on etcd', figure: quantiles(times), budget: 'p50 <= 4 ms', raw },
      { name: 'a run, one at a time', figure: atRest, budget: '<= 4 transactions' },
      {
        name: 'single-task runs per second, loop on etcd',
        figure: `${Math.round(perSecond)}/s (${processorMs.toFixed(3)} ms of processor time each)`,
        budget: '>= 1,000/s',
      },
      { name: 'a run, under load', figure: loaded(runs), budget: '< 1 transaction' },
    ];
  } finally {
    await state.close();
  }
}

/** One small commit after the other. */
async function commitTimes(state: EtcdStore, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const from = performance.now();
    await state.commit({ compares: [], writes: [{ op: 'put', key: 'raw', value: String(turn) }] });
    times.push(performance.now() - from);
  }
  return times;
}

/** What the store is asked for from now on, each run's share of it. */
function counters(state: EtcdStore): (runs: number) => string {
  const before = state.stats();
  return (runs) => {
    const now = state.stats();
    const each = (key: keyof typeof now) => ((now[key] - before[key]) / runs).toFixed(2);
    const commits = ((now.commitsCarried - before.commitsCarried) / runs - OWN_COMMITS).toFixed(2);
    return `${each('transactionsSent')} transactions, ${commits} commits of the loop, ${each('readsSent')} reads`;
  };
}
