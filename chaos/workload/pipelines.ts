// What the clients run: short bodies, graphs, bodies that fail and are tried again, bodies that last long enough to be cancelled.

import type { Client } from '../../sdk/client/client.ts';
import type { PipelineDocument, RetriesDocument, TaskDocument } from '../../sdk/index.ts';
import { SOMETIMES_FAILS, bodyText } from './scripts.ts';
import type { Telling } from './scripts.ts';

export const NAMESPACE = 'default';

/** What becomes of a run of it, if nobody cancels it. */
export type Habit = 'succeeds' | 'fails' | 'either';

export interface ChaosPipeline {
  readonly id: string;
  readonly habit: Habit;
  readonly document: PipelineDocument;
}

export interface PipelineOptions {
  readonly telling: Telling;
  readonly image: string;
  /** Seconds that the longer bodies take. */
  readonly longSeconds: number;
}

interface Part {
  readonly id: string;
  readonly after?: readonly string[];
  readonly work: string;
  readonly retries?: RetriesDocument;
}

export function chaosPipelines(options: PipelineOptions): readonly ChaosPipeline[] {
  const sleep = (seconds: number) => options.telling.sleep(seconds);
  const make = (id: string, habit: Habit, parts: readonly Part[]): ChaosPipeline => ({
    id,
    habit,
    document: documentOf(id, parts, options),
  });
  return [
    make('chaos-quick', 'succeeds', [{ id: 'only', work: ':' }]),
    make('chaos-graph', 'succeeds', [
      { id: 'first', work: sleep(0.05) },
      { id: 'left', after: ['first'], work: sleep(0.1) },
      { id: 'right', after: ['first'], work: sleep(0.02) },
      { id: 'last', after: ['left', 'right'], work: ':' },
    ]),
    make('chaos-again', 'either', [
      { id: 'only', work: SOMETIMES_FAILS, retries: { limit: 3, backoff_seconds: 1, max_backoff_seconds: 1 } },
    ]),
    make('chaos-fails', 'fails', [
      { id: 'good', work: ':' },
      { id: 'bad', after: ['good'], work: 'exit 7' },
    ]),
    make('chaos-long', 'succeeds', [
      { id: 'slow', work: sleep(options.longSeconds) },
      { id: 'after', after: ['slow'], work: ':' },
    ]),
  ];
}

function documentOf(id: string, parts: readonly Part[], { telling, image }: PipelineOptions): PipelineDocument {
  const task = ({ id: taskId, after = [], work, retries }: Part): TaskDocument => ({
    id: taskId,
    description: null,
    image,
    registry_auth: null,
    depends_on: Object.fromEntries(after.map((parent) => [parent, 'Success' as const])),
    variables: {},
    entrypoint: null,
    command: bodyText({ telling, work }),
    inject_api_token: false,
    always_pull_newest_image: false,
    ...(retries === undefined ? {} : { retries }),
  });
  return { id, name: id, description: null, parallelism: 0, tasks: parts.map(task) };
}

/** Each is registered and made live. */
export async function registerPipelines(client: Client, pipelines: readonly ChaosPipeline[]): Promise<void> {
  for (const { id, document } of pipelines) {
    const of = { namespaceId: NAMESPACE, pipelineId: id };
    const { pipeline } = await client.registerConfig({ ...of, config: document });
    await client.deployConfig({ ...of, version: pipeline.config.version });
  }
}
