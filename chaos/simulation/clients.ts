// The clients of the simulated cluster: they start, cancel, retry and read runs through whichever node answers, repeat what is safe to
// repeat, and remember what they were told. What they were told is what the cluster has to stand by.

import type { NewRun } from '../../api/operations/runs.ts';
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
  return new PlannedClients(deps);
}

class PlannedClients implements Clients {
  readonly checks: readonly Checks[];
  readonly #deps: ClientsDeps;
  readonly #process = aClient();
  readonly #acknowledged = new Set<string>();
  readonly #runs: string[] = [];
  readonly #cancelled: Cancelled[] = [];
  readonly #wanted = new Map<string, Wanted>();
  readonly #refused = new Set<string>();
  #turn = 0;

  constructor(deps: ClientsDeps) {
    this.#deps = deps;
    this.checks = [
      createCreationChecks({ wanted: this.#wanted, refused: this.#refused }),
      createPromiseChecks({
        ...{ chronicle: deps.chronicle, acknowledged: this.#acknowledged, cancelled: this.#cancelled },
      }),
    ];
  }

  demand(demand: Demand, number: number): void {
    if (demand.kind === 'start') return this.#startDemand(demand, number);
    const name = this.#runs.length === 0 ? undefined : this.#runs[demand.nth % this.#runs.length];
    if (name === undefined) return;
    switch (demand.kind) {
      case 'cancel':
        return this.#own(this.#cancel(name, demand.force));
      case 'read':
        return this.#own(this.#read(name));
      case 'retry':
        return this.#own(this.#retry(name, demand.keyed ? `retry-key-${number}` : null));
    }
  }

  #own(work: Promise<void>): void {
    work.catch((error: unknown) => this.#deps.fail('I20', `a client failed: ${String(error)}`));
  }

  /** One try: on the next node in turn, until the deadline. */
  #ask<T>(call: string, act: (node: RunningNode) => Promise<T>): Promise<T> {
    const { nodeNames, nodeAt, wire, universe } = this.#deps;
    this.#turn += 1;
    const name = nodeNames[this.#turn % nodeNames.length] ?? '';
    const place = `peer:${name}` as const;
    return wire.call({ process: this.#process, place, call, deadlineMs: CLIENT_DEADLINE_MS }, () => {
      const node = nodeAt(name);
      if (node === null) return Promise.reject(new LinkError('refused', name));
      return new Promise<T>((resolve, reject) => {
        universe.after(0, node.process, () => void act(node).then(resolve, reject));
      });
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#deps.universe.after(TRY_AGAIN_MS, this.#process, resolve));
  }

  /** Repeats until there is an answer; null when there is none in the end. */
  async #insist<T>(call: string, act: (node: RunningNode) => Promise<T>): Promise<T | null> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        return await this.#ask(call, act);
      } catch (error) {
        if (isFinal(error)) return null;
      }
      await this.#pause();
    }
    return null;
  }

  #startDemand({ pipeline, keyed, twin }: Extract<Demand, { kind: 'start' }>, number: number): void {
    const tag = `demand-${number}`;
    const copies = twin ? 2 : 1;
    const wanted: Wanted = { tag, key: keyed ? `key-${number}` : null, most: keyed ? 1 : copies };
    this.#wanted.set(tag, wanted);
    const input: NewRun = {
      ...{ namespaceId: NAMESPACE, pipelineId: pipeline, variables: { TAG: tag } },
      idempotencyKey: wanted.key ?? undefined,
    };
    for (let copy = 0; copy < copies; copy += 1) this.#own(this.#start(wanted, input));
  }

  async #start({ tag, key }: Wanted, input: NewRun): Promise<void> {
    const act = (node: RunningNode) => node.runs.startRun.run(input, context());
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      try {
        return this.#acknowledge(tag, await this.#ask(`start ${tag}`, act));
      } catch (error) {
        this.#deps.universe.note(() => `a client is told of ${tag}: ${String(error)}`);
        if (isFinal(error)) return;
        // Without a key nothing may be repeated: the answer may be all that was lost.
        if (key === null && hadNoEffect(error)) this.#refused.add(tag);
        if (key === null) return;
      }
      await this.#pause();
    }
  }

  #acknowledge(tag: string, run: Run): void {
    const { chronicle, universe, fail } = this.#deps;
    const name = runKeyText(run);
    universe.note(() => `a client is told that ${tag} is run ${name}`);
    this.#acknowledged.add(name);
    if (!this.#runs.includes(name)) this.#runs.push(name);
    const record = chronicle.runs.get(name);
    if (record === undefined) return fail('I1', `run ${name} was acknowledged and is not there`);
    if (tagOf(record) !== tag) fail('I9', `${tag} was answered with run ${name}, which was made for ${tagOf(record)}`);
  }

  async #cancel(name: string, force: boolean): Promise<void> {
    const { chronicle, universe } = this.#deps;
    const input = { ...placeOf(name), force };
    const done = await this.#insist(`cancel ${name}`, async (node) => {
      await node.runs.cancelRun.run(input, context());
      return true;
    });
    if (done === null) return;
    universe.note(() => `a client is told that run ${name} is being cancelled`);
    if (chronicle.runs.get(name)?.state !== 'complete') this.#cancelled.push({ run: name, atMs: universe.nowMs });
  }

  async #read(name: string): Promise<void> {
    const { chronicle, fail } = this.#deps;
    let from = 0;
    const run = await this.#insist(`read ${name}`, (node) => {
      from = runRank(chronicle.runs.get(name) ?? null);
      return node.runs.getRun.run(placeOf(name));
    });
    if (run === null) return;
    const to = runRank(chronicle.runs.get(name) ?? null);
    if (runRank(run) >= from && runRank(run) <= to) return;
    fail('I17', `run ${name} was read as ${run.state}, which it was not any more, or not yet`);
  }

  async #retry(name: string, key: string | null): Promise<void> {
    const tag = tagOf(this.#deps.chronicle.runs.get(name) ?? null);
    // A retry takes the variables over, so its run counts for the first one's request.
    const before = this.#wanted.get(tag);
    if (before !== undefined) this.#wanted.set(tag, { ...before, most: before.most + 1 });
    const input = { ...placeOf(name), idempotencyKey: key ?? undefined };
    const act = (node: RunningNode) => node.runs.retryRun.run(input, context());
    const call = `retry ${name}`;
    const run = key === null ? await this.#ask(call, act).catch(() => null) : await this.#insist(call, act);
    if (run !== null) this.#acknowledge(tag, run);
  }
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
}): Checks {
  const { wanted, refused } = books;
  const made = new Map<string, string[]>();
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
