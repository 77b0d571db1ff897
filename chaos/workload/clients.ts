// The clients: each makes one call after the other through the load balancer, as users would: starts runs and looks how they are,
// cancels some, retries those that failed, stores objects and reads them back, and looks at runs of others.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createChance } from '../simulation/random.ts';
import type { Chance } from '../simulation/random.ts';
import type { RunSeen } from '../checks/evidence.ts';
import type { RecordedClient, RunName, Told } from './recorded-client.ts';

export interface Clients {
  /** Runs whose start was acknowledged to one of them. */
  readonly runs: readonly RunName[];
  /** Resolves once all are through with what they were at. */
  stop(): Promise<void>;
}

export interface ClientsOptions {
  readonly count: number;
  readonly seed: number;
  readonly client: (proc: number) => RecordedClient;
  readonly pace: Pace;
}

export interface Pace {
  /** Between two journeys of one client, at most. */
  readonly restMs: number;
  /** How often each journey is taken, in parts of the whole. */
  readonly weights: Readonly<Record<Journey, number>>;
}

type Journey = 'quick' | 'graph' | 'again' | 'fails' | 'cancel' | 'long' | 'upload' | 'peek';

/** A bit of everything. */
export const MIXED: Pace = {
  restMs: 250,
  weights: { quick: 5, graph: 4, again: 2, fails: 2, cancel: 3, long: 2, upload: 2, peek: 3 },
};

/** Mostly starts, so that a fault meets many runs on their way. */
export const STARTS: Pace = {
  restMs: 300,
  weights: { quick: 6, graph: 6, again: 1, fails: 0, cancel: 0, long: 4, upload: 0, peek: 1 },
};

/** A container takes a hundred times what a process takes. */
export function forContainers(pace: Pace): Pace {
  return { ...pace, restMs: pace.restMs * CONTAINER_REST };
}

const CONTAINER_REST = 24;

/** A start without an answer is sent again with its key, as any careful client would. */
const START_TRIES_MAX = 5;
const START_AGAIN_MS = 150;
/** A client does not look at one run for ever: it may never end, which is for the checks to say. */
const LOOKS_MAX = 8;
const LOOK_MS = 150;
const OBJECT_BYTES_MAX = 40_000;
const LOG_CHANCE = 0.5;

interface Walk {
  readonly client: RecordedClient;
  readonly chance: Chance;
  readonly runs: RunName[];
  readonly isOver: () => boolean;
  readonly nextKey: () => string;
}

export function startClients({ count, seed, client, pace }: ClientsOptions): Clients {
  const runs: RunName[] = [];
  let isOver = false;

  async function live(proc: number): Promise<void> {
    const chance = createChance(seed, `client ${proc}`);
    let keys = 0;
    const walk: Walk = {
      ...{ client: client(proc), chance, runs },
      isOver: () => isOver,
      nextKey: () => `s${seed}-c${proc}-${(keys += 1)}`,
    };
    // Not all at once: a herd would be another test.
    await pause(chance.between(0, pace.restMs));
    while (!isOver) {
      await JOURNEYS[pick(pace.weights, chance)](walk);
      await pause(chance.between(0, pace.restMs));
    }
  }

  const living = Promise.all(Array.from({ length: count }, (_, proc) => live(proc + 1)));
  // Reported by `stop`, which everybody calls.
  living.catch(() => undefined);
  return {
    runs,
    stop: async () => {
      isOver = true;
      await living;
    },
  };
}

const JOURNEYS: Readonly<Record<Journey, (walk: Walk) => Promise<void>>> = {
  quick: startAndReadLog,
  graph: async (walk) => void (await startAndFollow(walk, 'chaos-graph')),
  again: async (walk) => void (await startAndFollow(walk, 'chaos-again')),
  long: async (walk) => void (await start(walk, 'chaos-long')),
  fails: retryAFailure,
  cancel: cancelALongOne,
  upload: uploadAndRead,
  peek: async (walk) => {
    const run = anyRun(walk);
    if (run !== null) await walk.client.get(run);
  },
};

function pick(weights: Pace['weights'], chance: Chance): Journey {
  const entries = JOURNEY_NAMES.map((name) => ({ name, weight: weights[name] }));
  let left = chance.between(
    0,
    entries.reduce((sum, { weight }) => sum + weight, 0),
  );
  for (const { name, weight } of entries) {
    left -= weight;
    if (left < 0) return name;
  }
  return 'quick';
}

const JOURNEY_NAMES: readonly Journey[] = ['quick', 'graph', 'again', 'fails', 'cancel', 'long', 'upload', 'peek'];

async function start(walk: Walk, pipelineId: string): Promise<RunName | null> {
  const key = walk.nextKey();
  return insist(walk, () => walk.client.start(key, pipelineId));
}

/** The same call again while its outcome is unknown. */
async function insist(walk: Walk, call: () => Promise<Told<RunName>>): Promise<RunName | null> {
  for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
    const told = await call();
    if ('answer' in told) {
      walk.runs.push(told.answer);
      return told.answer;
    }
    if ('refused' in told || walk.isOver()) return null;
    await pause(START_AGAIN_MS);
  }
  return null;
}

/** Its status once it was seen to be over; null = it was not. */
async function follow({ client, chance, isOver }: Walk, run: RunName): Promise<RunSeen['status'] | null> {
  for (let looks = 0; looks < LOOKS_MAX && !isOver(); looks += 1) {
    const told = await client.get(run);
    if ('answer' in told && told.answer.state === 'complete') return told.answer.status;
    await pause(chance.between(0, 2 * LOOK_MS));
  }
  return null;
}

async function startAndFollow(walk: Walk, pipelineId: string): Promise<RunName | null> {
  const run = await start(walk, pipelineId);
  if (run === null) return null;
  return (await follow(walk, run)) === 'successful' ? run : null;
}

/** Its log is read as soon as it is over: from the engine, or from where it is kept. */
async function startAndReadLog(walk: Walk): Promise<void> {
  const run = await startAndFollow(walk, 'chaos-quick');
  if (run !== null && walk.chance.happens(LOG_CHANCE)) await walk.client.log(run, 'only');
}

async function cancelALongOne(walk: Walk): Promise<void> {
  const { client, chance } = walk;
  const run = await start(walk, chance.happens(0.7) ? 'chaos-long' : 'chaos-graph');
  if (run === null) return;
  await pause(chance.happens(0.3) ? 0 : chance.between(0, 800));
  await client.cancel(run, chance.happens(0.5));
  await follow(walk, run);
}

async function retryAFailure(walk: Walk): Promise<void> {
  const { client, chance } = walk;
  const run = await start(walk, 'chaos-fails');
  if (run === null) return;
  // Sometimes too early, which has to be refused.
  if (chance.happens(0.8)) await follow(walk, run);
  const key = walk.nextKey();
  const again = await insist(walk, () => client.retry(run, key));
  if (again !== null) await follow(walk, again);
}

async function uploadAndRead(walk: Walk): Promise<void> {
  const { client, chance } = walk;
  const run = anyRun(walk);
  if (run === null) return;
  const key = walk.nextKey();
  await client.put(run, { key, bytes: randomBytes(chance.whole(1, OBJECT_BYTES_MAX)) });
  await client.read(run, key);
}

/** One of the newest. */
function anyRun({ runs, chance }: Walk): RunName | null {
  return runs.at(-chance.whole(1, 20)) ?? null;
}
