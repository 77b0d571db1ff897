// Everything between the POST that starts a run and the engine, with an engine that ends every body at once: the API, the durable
// queue, the loop and the store. The client is a process of its own.

import type { ApiDeps } from '../../api/operations/deps.ts';
import { ensureDefaults } from '../../api/operations/defaults.ts';
import { createRestServer } from '../../api/rest/server.ts';
import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { createClient } from '../../sdk/client/client.ts';
import { parseAttemptId } from '../../store/model/ids.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { newUuid } from '../../store/uuid.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { leadAlone } from '../unit/cluster/lead-alone.ts';
import { createScriptedEngine } from '../unit/scheduler/loop/scripted-engine.ts';
import { PLAN_SETTINGS } from '../unit/worlds.ts';
import type { BenchRow } from './bench-row.ts';
import { quantiles } from './quantiles.ts';
import { IDLE_MS, WARM_UP, completions, deploy, load, perSecond } from './server.bench.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const LIMIT = 5_000;
const AT_ONCE = 64;

export async function apiBench({ smoke }: { readonly smoke: boolean }): Promise<BenchRow[]> {
  const [single, sustained] = smoke ? [50, 500] : [1_000, 20_000];
  await using stage = await createStage();
  const client = createClient({ baseUrl: stage.url, token: '' });
  await deploy(client, 'single', ['true']);
  await deploy(client, 'many', ['true']);
  const total = WARM_UP + single;
  const done = completions(client, 'single', total);
  const all = await load(stage.url, { pipelineId: 'single', count: total, atOnce: 1, pauseMs: IDLE_MS });
  const sent = all.slice(WARM_UP);
  await done;
  const told = stage.told.get('single') ?? new Map<number, number>();
  const rate = await perSecond(stage, client, { pipelineId: 'many', count: sustained, atOnce: AT_ONCE });
  return [
    {
      name: 'POST run -> engine told, one after the other',
      figure: quantiles(sent.map(([runId, at]) => (told.get(runId) ?? Number.NaN) - at)),
      budget: 'p50 <= 2 ms, p99 <= 10 ms',
    },
    { name: 'POST run -> answered (durably queued)', figure: quantiles(sent.map(([, at, answered]) => answered - at)) },
    {
      name: `single-task runs over HTTP, ${AT_ONCE} clients, until all have completed`,
      figure: `${Math.round(rate)}/s`,
      budget: '>= 2,500/s',
    },
  ];
}

interface Stage extends AsyncDisposable {
  readonly url: string;
  /** When the engine was told of a run (ms since the epoch, with fractions), by pipeline and run. */
  readonly told: Map<string, Map<number, number>>;
}

async function createStage(): Promise<Stage> {
  const directory = await temporaryDirectory();
  const state = await openLmdbStore({ directory: directory.path });
  const engine = createScriptedEngine(Date.now);
  const told = new Map<string, Map<number, number>>();
  engine.autoEnd = ({ id }) => {
    const { pipelineId = '', runId = 0 } = parseAttemptId(id) ?? {};
    const runs = told.get(pipelineId) ?? new Map<number, number>();
    told.set(pipelineId, runs.set(runId, performance.timeOrigin + performance.now()));
    return { kind: 'exited', code: 0 };
  };
  const deps = apiDeps(state);
  await ensureDefaults(deps);
  const app = createRestServer({ deps, faults: { log: SILENT, onBrokenInvariant: (error) => void raise(error) } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const limits = { globalRunLimit: LIMIT, pipelineRunLimit: LIMIT, apiBaseUrl: url, relistMs: 60_000 };
  const duty = createSchedulingDuty({
    state,
    engine,
    resolver: { resolve: async () => ({ ok: true, env: {} }) },
    settings: { ...PLAN_SETTINGS, engineKeepsLogs: false, ...limits },
    now: Date.now,
    log: SILENT,
  });
  const leader = leadAlone(state, [duty]);
  await leader.elected;
  return {
    url,
    told,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await leader.stop();
      await state.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Objects, secrets and live tasks are not used here. */
function apiDeps(state: ApiDeps['state']): ApiDeps {
  const unused = {} as never;
  return {
    ...{ state, objects: unused, secrets: unused, live: unused, now: Date.now, newId: newUuid },
    settings: {
      pipelineRunConcurrencyLimit: LIMIT,
      pipelineObjectLimit: 50,
      stopTimeoutMs: 30_000,
      taskApiUrl: () => '',
      version: '0.0.0',
      commit: '',
    },
  };
}

function raise(error: Error): never {
  throw error;
}
