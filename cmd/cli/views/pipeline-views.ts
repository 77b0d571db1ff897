// How pipelines, their configs and their deployments are shown.

import type { Answer, View } from '../context.ts';
import { dependencySentences, type DependencyMap } from '../text/dependencies.ts';
import { renderDetails, type Section } from '../text/details.ts';
import { visible } from '../text/display.ts';
import { paintStatus } from '../text/paint.ts';
import { renderTable } from '../text/table.ts';
import { durationWords } from '../text/time.ts';

export interface PipelineShown {
  readonly pipeline_id: string;
  readonly state: string;
  readonly created: number;
}

export interface RunShown {
  readonly run_id: number;
  readonly started: number;
  readonly ended: number;
  readonly state: string;
  readonly status: string;
  readonly initiator: { readonly user: string };
}

export interface TaskShown {
  readonly id: string;
  readonly description: string;
  readonly depends_on: DependencyMap;
}

export interface ConfigShown {
  readonly pipeline_id: string;
  readonly version: number;
  readonly name: string;
  readonly description: string;
  readonly parallelism: number;
  readonly timeout_seconds?: number | undefined;
  readonly tasks: Readonly<Record<string, TaskShown>>;
  readonly state: string;
  readonly registered: number;
  readonly deprecated: number;
}

export interface DeploymentShown {
  readonly deployment_id: number;
  readonly start_version: number;
  readonly end_version: number;
  readonly started: number;
  readonly ended: number;
  readonly state: string;
  readonly status: string;
  readonly status_reason?: { readonly description: string } | null | undefined;
}

export interface ListedPipeline {
  readonly pipeline: PipelineShown;
  /** When its newest run was started; 0 = never. */
  readonly lastRun: number;
}

export function pipelineListView(pipelines: readonly ListedPipeline[]): Answer['text'] {
  return ({ paint, time }) =>
    renderTable(
      {
        columns: ['id', 'state', 'created', 'last run'],
        rows: pipelines.map(({ pipeline, lastRun }) => [
          pipeline.pipeline_id,
          pipeline.state,
          time(pipeline.created),
          time(lastRun),
        ]),
      },
      paint,
    );
}

export interface PipelineParts {
  readonly pipeline: PipelineShown & { readonly live_version?: number | undefined };
  readonly config: ConfigShown;
  /** Newest first. */
  readonly runs: readonly RunShown[];
}

export function pipelineView({ pipeline, config, runs }: PipelineParts): Answer['text'] {
  return (view) =>
    renderDetails(
      {
        title: `[${pipeline.pipeline_id}] ${config.name} :: ${pipeline.state}`,
        facts: [
          ['Description', config.description],
          ['Newest config', `v${config.version} (${config.state})`],
          ['Live config', liveText(pipeline.live_version)],
          ['Created', view.time(pipeline.created)],
          ['Last run', view.time(runs[0]?.started ?? 0)],
        ],
        sections: [
          { title: 'Recent runs', lines: runs.map((run) => runLine(run, view)) },
          { title: 'Tasks', lines: taskLines(config.tasks) },
        ],
      },
      view.paint,
    );
}

export function configListView(configs: readonly ConfigShown[]): Answer['text'] {
  return ({ paint, time }) =>
    renderTable(
      {
        columns: ['version', 'state', 'registered', 'deprecated'],
        rows: configs.map((config) => [
          String(config.version),
          config.state,
          time(config.registered),
          time(config.deprecated),
        ]),
      },
      paint,
    );
}

export function configView(config: ConfigShown): Answer['text'] {
  const sections: Section[] = [{ title: 'Tasks', lines: taskLines(config.tasks) }];
  return ({ paint, time }) =>
    renderDetails(
      {
        title: `[${config.pipeline_id}] ${config.name} :: v${config.version} :: ${config.state}`,
        facts: [
          ['Description', config.description],
          ['Parallelism', config.parallelism === 0 ? "the server's limit" : config.parallelism],
          ['Timeout', timeoutText(config.timeout_seconds)],
          ['Registered', time(config.registered)],
          ['Deprecated', time(config.deprecated)],
        ],
        sections,
      },
      paint,
    );
}

export function deploymentListView(deployments: readonly DeploymentShown[]): Answer['text'] {
  return ({ paint, time }) =>
    renderTable(
      {
        columns: ['id', 'versions', 'started', 'ended', 'state', 'status'],
        rows: deployments.map((deployment) => [
          String(deployment.deployment_id),
          versions(deployment),
          time(deployment.started),
          time(deployment.ended, 'still running'),
          deployment.state.toLowerCase(),
          deployment.status.toLowerCase(),
        ]),
      },
      paint,
    );
}

export function deploymentView(deployment: DeploymentShown): Answer['text'] {
  return ({ paint, time, span }) =>
    renderDetails(
      {
        title: `Deployment #${deployment.deployment_id} :: ${deployment.state.toLowerCase()}`,
        facts: [
          ['Status', deployment.status.toLowerCase()],
          ['Reason', deployment.status_reason?.description],
          ['Versions', versions(deployment)],
          ['Started', time(deployment.started)],
          ['Ended', time(deployment.ended, 'still running')],
          ['Duration', span(deployment)],
        ],
      },
      paint,
    );
}

/** Fewest dependencies first, so that the list reads in about the order in which tasks run. */
export function taskLines(tasks: Readonly<Record<string, TaskShown>>): readonly string[] {
  const count = (task: TaskShown) => Object.keys(task.depends_on).length;
  return Object.values(tasks)
    .sort((one, other) => count(one) - count(other))
    .map((task) => {
      const sentences = dependencySentences(task.depends_on);
      const what = task.description === '' ? '' : `: ${task.description}`;
      return visible(`• ${task.id}${what}${sentences.length === 0 ? '' : ` (${sentences.join('; ')})`}`);
    });
}

function runLine(run: RunShown, { paint, time, span }: View): string {
  const what = [paintStatus(paint, run.state), paintStatus(paint, run.status)].join(' · ');
  return `#${run.run_id} ${time(run.started)} by ${visible(run.initiator.user)}, ${span(run)}: ${what}`;
}

function versions({ start_version: start, end_version: end }: DeploymentShown): string {
  return start === end ? `${end}` : `${start} -> ${end}`;
}

function liveText(version: number | undefined): string | null {
  if (version === undefined) return null;
  return version === 0 ? 'none: deploy one with gofer up' : `v${version}`;
}

/** 0 and nothing both mean that only the server's own limit applies. */
export function timeoutText(seconds: number | undefined): string | null {
  return seconds === undefined || seconds === 0 ? null : durationWords(seconds * 1_000);
}
