// The clients of the simulated cluster: they start, cancel, retry and read runs through whichever node answers, repeat what is safe to
// repeat, and remember what they were told. What they were told is what the cluster has to stand by.

import type { RequestContext } from '../../api/operations/operation.ts';
import { isAppError } from '../../store/model/errors.ts';
import { runKeyText } from '../../store/model/ids.ts';
import type { Run } from '../../store/model/run.ts';
import { runRank } from './check-records.ts';
import type { Checks, Chronicle, Fail } from './chronicle.ts';
import { NAMESPACE } from './fixtures.ts';
import type { RunningNode } from './node.ts';
import type { Demand } from './plan.ts';
import type { Process, Universe } from './universe.ts';
import type { Wire } from './wire.ts';
import { LinkError } from './wire.ts';

export interface ClientsDeps {
  readonly universe: Universe;
  readonly wire: Wire;
  readonly chronicle: Chronicle;
  readonly fail: Fail;
  readonly nodeNames: readonly string[];
  /** The process that listens there now. */
  readonly nodeAt: (name: string) => RunningNode | null;
}

export interface Clients {
  readonly checks: readonly Checks[];
  /** Runs that were acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  demand(demand: Demand, number: number): void;
}

/** A client that hears nothing for so long asks another node. */
const CLIENT_DEADLINE_MS = 1_500;
const TRIES_MAX = 8;
const TRY_AGAIN_MS = 250;

/** By then a leader has been found, has listed all, and has honoured what was asked of it. */
export const CANCEL_BOUND_MS = 9_000;

interface Cancelled {
  readonly run: string;
  readonly atMs: number;
}

interface Wanted {
  /** In the run's variables, so that the records tell which request made them. */
  readonly tag: string;
  readonly key: string | null;
  /** How many runs there may be. */
  readonly most: number;
}

export function createClients(deps: ClientsDeps): Clients {
  const { universe, chronicle, fail } = deps;
  const acknowledged = new Set<string>();
  const runs: string[] = [];
  const cancelled: Cancelled[] = [];
  const wanted = new Map<string, Wanted>();
  /** Requests of which a client was told that they had no effect. */
  const refused = new Set<string>();
  const made = new Map<string, string[]>();
  const client = aClient();
  let turn = 0;

  /** One try: on the next node in turn, until the deadline. */
  function ask<T>(call: string, act: (node: RunningNode) => Promise<T>): Promise<T> {
    turn += 1;
    const name = deps.nodeNames[turn % deps.nodeNames.length] ?? '';
    const request = { process: client, place: `peer:${name}`, call, deadlineMs: CLIENT_DEADLINE_MS } as const;
    return deps.wire.call(request, () => {
      const node = deps.nodeAt(name);
      if (node === null) return Promise.reject(new LinkError('refused', name));
      return new Promise<T>((resolve, reject) => {
        universe.after(0, node.process, () => void act(node).then(resolve, reject));
      });
    });
  }

  function acknowledge(tag: string, run: Run): void {
    const name = runKeyText(run);
    universe.note(() => `a client is told that ${tag} is run ${name}`);
    acknowledged.add(name);
    if (!runs.includes(name)) runs.push(name);
    if (!chronicle.runs.has(name)) fail('I1', `run ${name} was acknowledged and is not there`);
    const tagOfRun = tagOf(chronicle.runs.get(name) ?? run);
    if (tagOfRun !== tag) fail('I9', `${tag} was answered with run ${name}, which was made for ${tagOfRun}`);
  }

  async function start(request: Wanted, act: (node: RunningNode) => Promise<Run>): Promise<void> {
    wanted.set(request.tag, request);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        return acknowledge(request.tag, await ask(`start ${request.tag}`, act));
      } catch (error) {
        universe.note(() => `a client is told of ${request.tag}: ${String(error)}`);
        // Without a key nothing may be repeated: the answer may be all that was lost.
        if (request.key === null) {
          if (hadNoEffect(error)) refused.add(request.tag);
          return;
        }
        if (isFinal(error)) return;
      }
      await pause(universe, client, TRY_AGAIN_MS);
    }
  }

  /** Repeats until there is an answer; null when there is none in the end. */
  async function insist<T>(call: string, act: (node: RunningNode) => Promise<T>): Promise<T | null> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        return await ask(call, act);
      } catch (error) {
        if (isFinal(error)) return null;
      }
      await pause(universe, client, TRY_AGAIN_MS);
    }
    return null;
  }

  async function cancel(name: string, force: boolean): Promise<void> {
    const place = placeOf(name);
    const before = runRank(chronicle.runs.get(name) ?? null);
    const done = await insist(`cancel ${name}`, (node) =>
      node.runs.cancelRun.run({ ...place, force }, context()).then(() => true),
    );
    if (done === null) return;
    universe.note(() => `a client is told that run ${name} is being cancelled`);
    if (before < 2 && chronicle.runs.get(name)?.state !== 'complete')
      cancelled.push({ run: name, atMs: universe.nowMs });
  }

  async function read(name: string): Promise<void> {
    let from = 0;
    const run = await insist(`read ${name}`, (node) => {
      from = runRank(chronicle.runs.get(name) ?? null);
      return node.runs.getRun.run(placeOf(name));
    });
    if (run === null) return;
    const to = runRank(chronicle.runs.get(name) ?? null);
    if (runRank(run) < from || runRank(run) > to)
      fail('I17', `run ${name} was read as ${run.state}, which it was not any more, or not yet`);
  }

  function nth(index: number): string | undefined {
    return runs.length === 0 ? undefined : runs[index % runs.length];
  }

  function startDemand(demand: Extract<Demand, { kind: 'start' }>, number: number): void {
    const tag = `demand-${number}`;
    const key = demand.keyed ? `key-${number}` : null;
    const input = {
      namespaceId: NAMESPACE,
      pipelineId: demand.pipeline,
      variables: { TAG: tag },
      idempotencyKey: key ?? undefined,
    };
    const copies = demand.twin ? 2 : 1;
    const request = { tag, key, most: key === null ? copies : 1 };
    for (let copy = 0; copy < copies; copy += 1) {
      void start(copies > 1 && key === null ? { ...request } : request, (node) =>
        node.runs.startRun.run(input, context()),
      );
    }
  }

  function retryDemand(demand: Extract<Demand, { kind: 'retry' }>, name: string, number: number): void {
    const key = demand.keyed ? `retry-key-${number}` : null;
    const tag = tagOf(chronicle.runs.get(name) ?? null);
    // A retry takes the variables over, so its runs count for the first one's request.
    const before = wanted.get(tag);
    if (before !== undefined) wanted.set(tag, { ...before, most: before.most + 1 });
    void retry(name, tag, key);
  }

  async function retry(name: string, tag: string, key: string | null): Promise<void> {
    const act = (node: RunningNode) =>
      node.runs.retryRun.run({ ...placeOf(name), idempotencyKey: key ?? undefined }, context());
    const run = key === null ? await ask(`retry ${name}`, act).catch(() => null) : await insist(`retry ${name}`, act);
    if (run !== null) acknowledge(tag, run);
  }

  return {
    acknowledged,
    checks: [
      createCreationChecks({ wanted, refused, made }),
      createPromiseChecks({ chronicle, acknowledged, cancelled }),
    ],
    demand: (demand, number) => {
      if (demand.kind === 'start') return startDemand(demand, number);
      const name = nth(demand.nth);
      if (name === undefined) return;
      if (demand.kind === 'cancel') void cancel(name, demand.force);
      else if (demand.kind === 'read') void read(name);
      else retryDemand(demand, name, number);
    },
  };
}

function aClient(): Process {
  return { name: 'client', life: 1, rate: 1, bornMs: 0, wallOffsetMs: 0, isAlive: true, isPaused: false, held: [] };
}

function context(): RequestContext {
  return {
    caller: { tokenId: 'token', user: 'client', roles: ['admin'] },
    requestId: 'request',
    signal: new AbortController().signal,
  };
}

function pause(universe: Universe, process: Process, ms: number): Promise<void> {
  return new Promise((resolve) => universe.after(ms, process, resolve));
}

/** The cluster has said itself that nothing was done. */
function hadNoEffect(error: unknown): boolean {
  if (error instanceof LinkError) return error.kind === 'refused';
  return isFinal(error) || (isAppError(error) && error.outcome === 'not_applied');
}

/** Another try would be answered in the same way. */
function isFinal(error: unknown): boolean {
  return isAppError(error) && error.code !== 'unavailable' && error.code !== 'internal';
}

function tagOf(run: Run | null): string {
  return run?.variables.find(({ key }) => key === 'TAG')?.value ?? '';
}

function placeOf(name: string): { readonly namespaceId: string; readonly pipelineId: string; readonly runId: number } {
  const [namespaceId = '', pipelineId = '', runId = ''] = name.split('/');
  return { namespaceId, pipelineId, runId: Number(runId) };
}

/** I9 and I12: how many runs there are for each request. */
function createCreationChecks(books: {
  readonly wanted: ReadonlyMap<string, Wanted>;
  readonly refused: ReadonlySet<string>;
  readonly made: Map<string, string[]>;
}): Checks {
  const { wanted, refused, made } = books;
  return {
    committed: ({ runs }, fail) => {
      for (const { name, before, after } of runs) {
        if (before !== null) continue;
        const tag = tagOf(after);
        const all = [...(made.get(tag) ?? []), name];
        made.set(tag, all);
        const request = wanted.get(tag);
        if (request !== undefined && all.length > request.most) {
          fail(request.key === null ? 'I9' : 'I12', `${tag} made ${all.length} runs: ${all.join(' and ')}`);
        }
      }
    },
    ended: (fail) => {
      for (const tag of refused) {
        const request = wanted.get(tag);
        if (request?.most === 1 && made.has(tag))
          fail('I9', `${tag} was refused, and yet made run ${String(made.get(tag))}`);
      }
    },
  };
}

/** I1 and I13: what was acknowledged holds. */
function createPromiseChecks(books: {
  readonly chronicle: Chronicle;
  readonly acknowledged: ReadonlySet<string>;
  readonly cancelled: readonly Cancelled[];
}): Checks {
  const { chronicle, acknowledged, cancelled } = books;
  return {
    committed: ({ deleted, tasks }, fail) => {
      for (const key of deleted) {
        if (key.startsWith('run/')) fail('I1', `the record ${key} was deleted`);
      }
      for (const { run, before, after } of tasks) {
        if (after.state !== 'processing' || before?.state === 'processing') continue;
        const late = cancelled.find((each) => each.run === run && chronicle.nowMs - each.atMs > CANCEL_BOUND_MS);
        if (late === undefined) continue;
        fail(
          'I13',
          `${run} ${after.taskId} is started ${Math.round(chronicle.nowMs - late.atMs)} ms after its cancel was acknowledged`,
        );
      }
    },
    ended: (fail) => {
      for (const name of acknowledged) {
        if (!chronicle.runs.has(name)) fail('I1', `run ${name} was acknowledged and is gone`);
      }
      for (const { run, atMs } of cancelled) {
        const record = chronicle.runs.get(run);
        if (record?.state !== 'complete' || record.status === 'cancelled') continue;
        const late = record.startedAt > 0 && chronicle.nowMs - atMs > CANCEL_BOUND_MS && lateEnd(chronicle, run, atMs);
        if (late) fail('I13', `run ${run} was cancelled and went on to be ${record.status}`);
      }
    },
  };
}

/** Whether a body of the run ended by itself long after the cancel. */
function lateEnd(chronicle: Chronicle, run: string, atMs: number): boolean {
  const prefix = run.replaceAll('/', '_');
  return [...chronicle.truths.values()].some(
    ({ id, startedMs }) => id.startsWith(`${prefix}_`) && startedMs > atMs + CANCEL_BOUND_MS,
  );
}
