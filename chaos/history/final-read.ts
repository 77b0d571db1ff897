// After everything was healed: waits until all runs are over, then asks every node for all of it.

import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../sdk/client/client.ts';
import type { Client } from '../../sdk/client/client.ts';
import type { Run, TaskExecution } from '../../sdk/client/types.ts';
import type { EventList, EventSeen, FinalObject, FinalRun, FinalTask, Operation } from '../checks/evidence.ts';
import { KEY_VARIABLE, digest, isMissing, logText } from '../workload/recorded-client.ts';
import { NAMESPACE } from '../workload/pipelines.ts';
import { eventSeen } from './event-followers.ts';

export interface FinalState {
  readonly runs: readonly FinalRun[];
  readonly events: readonly EventList[];
  readonly objects: readonly FinalObject[];
}

export interface FinalReadOptions {
  readonly nodes: readonly { readonly name: string; readonly url: string }[];
  readonly pipelines: readonly string[];
  readonly operations: readonly Operation[];
}

const PAGE = 1_000;
const LOOK_MS = 200;
/** Questions on their way at once. */
const AT_ONCE = 12;
/** Of so many runs one has its logs read: they are the costliest part. */
const RUNS_PER_LOG = 20;

/** Resolves when no run is open any more, or the time is over: what is open then is for the checks to say. Gives their number. */
export async function allOver(
  { api, pipelines }: { readonly api: Client; readonly pipelines: readonly string[] },
  limitMs: number,
): Promise<number> {
  const end = performance.now() + limitMs;
  for (;;) {
    const open = await countOpen(api, pipelines).catch(() => Infinity);
    if (open === 0 || performance.now() > end) return open;
    await pause(LOOK_MS);
  }
}

async function countOpen(api: Client, pipelines: readonly string[]): Promise<number> {
  const lists = await Promise.all(pipelines.map((pipelineId) => allRuns(api, pipelineId)));
  return lists.flat().filter(({ state }) => state !== 'complete').length;
}

export async function readFinalState({ nodes, pipelines, operations }: FinalReadOptions): Promise<FinalState> {
  const clients = nodes.map(({ name, url }) => ({ name, client: createClient({ baseUrl: url, token: '' }) }));
  const nameOf = clientNames(operations);
  const runs: FinalRun[] = [];
  for (const [index, { name, client }] of clients.entries()) {
    for (const pipelineId of pipelines) {
      const found = await allRuns(client, pipelineId);
      const read = (run: Run) => finalRun({ run, node: name, key: nameOf(run) });
      // Tasks are the costly part: of each run one node is asked for them.
      const isMine = (run: Run) => run.run_id % clients.length === index;
      runs.push(
        ...(await each(found, async (run) => ({
          ...read(run),
          tasks: isMine(run) ? await tasksOf(client, run) : null,
        }))),
      );
    }
  }
  const events = await each(clients, async ({ name, client }) => ({
    reader: name,
    whole: true,
    events: await allEvents(client),
  }));
  return { runs, events, objects: await objectsOf(clients, operations) };
}

async function allRuns(client: Client, pipelineId: string): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (;;) {
    const page = await client.listRuns({ namespaceId: NAMESPACE, pipelineId, limit: PAGE, offset: runs.length });
    runs.push(...page.runs);
    if (page.runs.length < PAGE) return runs;
  }
}

/**
 * A run carries its client's name in a variable. A retry carries that of the run that it repeats, so its name comes from the answer;
 * when there was none, nobody can know it.
 */
function clientNames(operations: readonly Operation[]): (run: Run) => string {
  const pipelines = new Map<string, string>();
  for (const call of operations) if (call.op === 'start') pipelines.set(call.key, call.in.pipeline);
  const retries = new Map<string, string>();
  for (const call of operations) {
    if (call.op !== 'retry') continue;
    const pipeline = pipelines.get(call.key) ?? '';
    pipelines.set(call.in.newKey, pipeline);
    if (call.out !== undefined) retries.set(`${pipeline}/${call.out.runId}`, call.in.newKey);
  }
  return (run) => {
    const place = `${run.pipeline_id}/${run.run_id}`;
    if ((run.retry_of ?? 0) > 0) return retries.get(place) ?? `unanswered retry ${place}`;
    return run.variables.find(({ key }) => key === KEY_VARIABLE)?.value ?? `without a name ${place}`;
  };
}

interface NamedRun {
  readonly run: Run;
  readonly node: string;
  readonly key: string;
}

function finalRun({ run, node, key }: NamedRun): Omit<FinalRun, 'tasks'> {
  // The API has this word for records that it cannot read; such a run is not over.
  const state = run.state === 'unknown' ? 'pending' : run.state;
  return { node, key, pipeline: run.pipeline_id, runId: run.run_id, state, status: run.status };
}

async function tasksOf(client: Client, run: Run): Promise<readonly FinalTask[]> {
  const of = { namespaceId: NAMESPACE, pipelineId: run.pipeline_id, runId: run.run_id };
  const executions = (await client.listTaskExecutions(of)).task_executions;
  const isRead = run.run_id % RUNS_PER_LOG === 0;
  return each(executions, async (execution) => {
    const { task_id: taskId, attempts = [], carried_from: carriedFrom = 0 } = execution;
    const hasLog = isRead && attempts.length > 0 && carriedFrom === 0;
    return { ...finalTask(execution), log: hasLog ? await logText(client, { ...of, taskId }) : null };
  });
}

function finalTask(execution: TaskExecution): Omit<FinalTask, 'log'> {
  const { task } = execution;
  return {
    task: execution.task_id,
    state: execution.state,
    status: execution.status,
    attempts: (execution.attempts ?? []).map(({ attempt, outcome }) => ({ attempt, outcome })),
    retryLimit: task.retries?.limit ?? 0,
    retryLost: task.retries?.on_lost ?? false,
    parents: Object.keys(task.depends_on),
    carriedFrom: execution.carried_from ?? 0,
  };
}

async function allEvents(client: Client): Promise<readonly EventSeen[]> {
  const events: EventSeen[] = [];
  // Backwards, since only that ends by itself.
  for await (const event of client.streamEvents({ history: true, reverse: true })) events.push(eventSeen(event));
  return events.reverse();
}

async function objectsOf(
  clients: readonly { readonly name: string; readonly client: Client }[],
  operations: readonly Operation[],
): Promise<readonly FinalObject[]> {
  const keys = [...new Set(operations.flatMap((call) => (call.op === 'put' ? [call.key] : [])))];
  const wanted = clients.flatMap((each) => keys.map((key) => ({ ...each, key })));
  return each(wanted, async ({ name, client, key }) => ({ node: name, key, sha256: await readObject(client, key) }));
}

async function readObject(client: Client, name: string): Promise<string | null> {
  const [pipelineId = '', runId = '', key = ''] = name.split('/');
  try {
    const { body } = await client.getRunObject({ namespaceId: NAMESPACE, pipelineId, runId: Number(runId), key });
    return await digest(body);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** In the order of the items, some at once. */
async function each<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const left = items.entries();
  const work = async () => {
    for (const [index, item] of left) results.set(index, await ask(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...results].sort(([one], [other]) => one - other).map(([, result]) => result);
}
