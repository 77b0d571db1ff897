// New runs that the leader creates itself: planned first, and written once.

import { afterEach, expect, test } from 'vitest';
import { createRunStarter } from '../../../../api/operations/run-starter.ts';
import type { RunStarter, StartRequest } from '../../../../api/operations/run-starter.ts';
import { createSchedulingDuty } from '../../../../scheduler/loop/leader-loop.ts';
import type { SchedulingDuty } from '../../../../scheduler/loop/leader-loop.ts';
import { keys } from '../../../../store/keys.ts';
import type { Pipeline } from '../../../../store/model/config.ts';
import { AppError } from '../../../../store/model/errors.ts';
import { configRecord, pipelineRecord } from '../../../../store/records/pipeline-records.ts';
import { runRecord } from '../../../../store/records/run-records.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import type { StateStore, Transaction } from '../../../../store/state/port.ts';
import { eventually } from '../../../eventually.ts';
import { leadAlone } from '../../cluster/lead-alone.ts';
import type { LoneLeader } from '../../cluster/lead-alone.ts';
import { PLAN_SETTINGS, aConfig, aTask } from '../../worlds.ts';
import { createScriptedEngine } from './scripted-engine.ts';
import { withCommit } from '../../with-commit.ts';

const leaders: LoneLeader[] = [];
afterEach(async () => {
  await Promise.all(leaders.splice(0).map((leader) => leader.stop()));
});

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const CONFIG = aConfig([aTask('a')]);
const PIPELINE = { namespaceId: CONFIG.namespaceId, pipelineId: CONFIG.pipelineId };
const LIVE: Pipeline = {
  ...PIPELINE,
  ...{ state: 'active', created: 0, modified: 0, lastVersion: 1, liveVersion: CONFIG.version, lastDeploymentId: 1 },
};

interface World {
  readonly state: StateStore;
  readonly engine: ReturnType<typeof createScriptedEngine>;
  readonly duty: SchedulingDuty;
  /** On the node that leads. */
  readonly starter: RunStarter;
  /** What the loop commits, oldest first. */
  readonly commits: Transaction[];
  /** Called before each commit of the loop. */
  readonly hooks: { beforeCommit: (transaction: Transaction) => Promise<void> };
}

async function aLeader(settings: object = {}): Promise<World> {
  const state = createMemoryStore();
  const engine = createScriptedEngine(Date.now);
  const commits: Transaction[] = [];
  const hooks: World['hooks'] = { beforeCommit: async () => undefined };
  const commit: StateStore['commit'] = async (transaction) => {
    await hooks.beforeCommit(transaction);
    commits.push(transaction);
    return state.commit(transaction);
  };
  const watched = withCommit(state, commit);
  await state.commit({
    compares: [],
    writes: [
      { op: 'put', key: keys.pipeline(PIPELINE), value: pipelineRecord.encode(LIVE) },
      { op: 'put', key: keys.config(CONFIG, CONFIG.version), value: configRecord.encode(CONFIG) },
    ],
  });
  const duty = createSchedulingDuty({
    ...{ state: watched, engine, now: Date.now, log: SILENT },
    resolver: { resolve: async () => ({ ok: true, env: {} }) },
    settings: {
      ...{ ...PLAN_SETTINGS, globalRunLimit: 100, pipelineRunLimit: 50, apiBaseUrl: '', relistMs: 60_000 },
      ...settings,
    },
  });
  leaders.push(leadAlone(state, [duty]));
  const starter = createRunStarter({
    ...{ state, now: Date.now },
    commitStarts: async (transaction, runs) => (await duty.offer({ transaction, runs })) ?? state.commit(transaction),
  });
  await eventually(async () => {
    expect(duty.status()).not.toBe(null);
    expect(await isOpen(duty)).toBe(true);
  });
  commits.length = 0;
  return { state, engine, duty, starter, commits, hooks };
}

/** An offer of nothing is taken once the first turn is over. */
async function isOpen(duty: SchedulingDuty): Promise<boolean> {
  return (await duty.offer({ transaction: { compares: [], writes: [] }, runs: [] })) !== null;
}

function request(given: Partial<StartRequest> = {}): StartRequest {
  return {
    ...{ pipeline: PIPELINE, variables: [], initiator: { id: 'ann', user: 'ann' }, retryOf: 0 },
    ...{ configVersion: null, idempotencyKey: null },
    ...given,
  };
}

const SUCCESS = { kind: 'exited', code: 0 } as const;

const begun = ({ engine }: World) => [...engine.starts.keys()];

async function stateOf({ state }: World, runId: number): Promise<string> {
  const kv = await state.get(keys.run({ ...PIPELINE, runId: runId as never }));
  return kv === null ? 'not there' : runRecord.decode(kv.value).state;
}

test('a start on the leader is one commit, with its intent in it', async () => {
  const world = await aLeader();
  expect(await world.starter.start(request())).toMatchObject({ runId: 1, state: 'pending' });
  expect(await stateOf(world, 1)).toBe('running');
  expect(world.commits).toHaveLength(1);
  await eventually(() => expect(begun(world)).toHaveLength(1));
  for (const id of begun(world)) world.engine.end(id, SUCCESS);
  await eventually(async () => expect(await stateOf(world, 1)).toBe('complete'));
  expect((await world.state.range(keys.openRuns())).kvs).toEqual([]);
});

test('runs over the limit wait, and get their turn', async () => {
  const world = await aLeader({ pipelineRunLimit: 2 });
  await Promise.all([1, 2, 3, 4].map(() => world.starter.start(request())));
  await eventually(() => expect(world.duty.status()).toEqual({ running: 2, waiting: 2 }));
  world.engine.autoEnd = () => SUCCESS;
  for (const id of begun(world)) world.engine.end(id, SUCCESS);
  for (const runId of [1, 2, 3, 4]) {
    await eventually(async () => expect(await stateOf(world, runId)).toBe('complete'));
  }
});

test('a wrong guess of the next run id leaves nothing behind, and what has that id is not touched', async () => {
  const world = await aLeader({ pipelineRunLimit: 2 });
  await world.starter.start(request());
  const other = createRunStarter({ state: world.state, now: Date.now });
  expect(await other.start(request())).toMatchObject({ runId: 2 });
  await eventually(() => expect(world.duty.status()).toEqual({ running: 2, waiting: 0 }));
  // This node still takes 2 for free.
  expect(await world.starter.start(request())).toMatchObject({ runId: 3 });
  await eventually(() => expect(world.duty.status()).toEqual({ running: 2, waiting: 1 }));
  expect(begun(world)).toHaveLength(2);
});

test('a commit that may have been written is read again: the run goes on, once', async () => {
  const world = await aLeader();
  let failures = 1;
  world.hooks.beforeCommit = async (transaction) => {
    if (failures === 0) return;
    failures -= 1;
    await world.state.commit(transaction);
    throw new AppError('unavailable', 'no answer', { outcome: 'unknown' });
  };
  await expect(world.starter.start(request())).rejects.toMatchObject({ code: 'unavailable', outcome: 'unknown' });
  await eventually(() => expect(begun(world)).toHaveLength(1));
  expect(await stateOf(world, 1)).toBe('running');
  expect(world.duty.status()).toEqual({ running: 1, waiting: 0 });
});

test('a commit that was not written leaves nothing, and the next start gets the id', async () => {
  const world = await aLeader();
  let failures = 1;
  world.hooks.beforeCommit = async () => {
    if (failures === 0) return;
    failures -= 1;
    throw new AppError('unavailable', 'the store is away', { outcome: 'not_applied' });
  };
  await expect(world.starter.start(request())).rejects.toMatchObject({ code: 'unavailable', outcome: 'not_applied' });
  expect(await world.starter.start(request())).toMatchObject({ runId: 1 });
  await eventually(async () => expect(await stateOf(world, 1)).toBe('running'));
  expect(world.duty.status()).toEqual({ running: 1, waiting: 0 });
});

test('offers are declined when nobody leads', async () => {
  const { duty } = await aLeader();
  await Promise.all(leaders.splice(0).map((leader) => leader.stop()));
  expect(await isOpen(duty)).toBe(false);
});
