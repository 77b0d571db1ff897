// The leader's loop on the durable store, with an engine that ends every body at once: what scheduling itself costs.

import type { PipelineConfig } from '../../store/model/config.ts';
import type { PipelineId } from '../../store/model/ids.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import type { StateStore } from '../../store/state/port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { aConfig, aTask } from '../unit/worlds.ts';
import type { BenchRow } from './bench-row.ts';
import { ends, latencies, leadingStage, register, startRun, sustained } from './loop-stage.ts';
import { quantiles } from './quantiles.ts';

export async function loopBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  await using directory = await temporaryDirectory();
  const state = await openLmdbStore({ directory: directory.path });
  try {
    await using stage = await leadingStage(state);
    const { perSecond, processorMs } = await sustained(state, smoke ? 2_000 : 30_000);
    return [
      {
        name: 'single-task runs per second, loop and store alone',
        figure: `${Math.round(perSecond)}/s (${processorMs.toFixed(3)} ms of processor time each)`,
        budget: '>= 2,500/s',
      },
      {
        name: 'start asked -> engine told, idle, loop and store alone',
        figure: quantiles(await latencies(stage, smoke ? 100 : 1_000)),
        budget: 'p50 <= 2 ms, p99 <= 10 ms',
      },
      ...(await shapes(state, smoke)),
    ];
  } finally {
    await state.close();
  }
}

/** Ten times the work should take about ten times as long: a chain one task at a time, a fan-out all at once. */
async function shapes(state: StateStore, smoke: boolean): Promise<BenchRow[]> {
  const chain = (length: number) =>
    Array.from({ length }, (_, index) =>
      aTask(`t${index}`, index === 0 ? {} : { after: { [`t${index - 1}`]: 'success' } }),
    );
  const fan = (width: number) => {
    const wide = Array.from({ length: width }, (_, index) => aTask(`t${index}`));
    return [...wide, aTask('last', { after: Object.fromEntries(wide.map(({ id }) => [id, 'success' as const])) })];
  };
  const [long, broad] = smoke ? [100, 500] : [1_000, 5_000];
  const rows: BenchRow[] = [];
  for (const [name, shape, size] of [
    ['chain', chain, long],
    ['fan-out', fan, broad],
  ] as const) {
    const small = await timeOf(state, `${name}-small`, shape(size / 10));
    const large = await timeOf(state, `${name}-large`, shape(size));
    const step = name === 'chain' ? `, ${(large / size).toFixed(2)} ms a step` : '';
    rows.push({
      name: `${name} of ${size} tasks`,
      figure: `${large.toFixed(0)} ms${step}; a tenth of it ${small.toFixed(0)} ms: ratio ${(large / small).toFixed(1)}`,
      budget: name === 'chain' ? 'ratio about 10, <= 3 ms a step' : 'ratio about 10',
    });
  }
  return rows;
}

async function timeOf(state: StateStore, pipeline: string, tasks: PipelineConfig['tasks']): Promise<number> {
  const pipelineId = pipeline as PipelineId;
  await register(state, aConfig(tasks, { pipelineId }));
  const done = await ends(state, 1);
  const from = performance.now();
  await startRun(state, pipelineId, 1);
  await done();
  return performance.now() - from;
}
