// `gofer run …`

import type { Command } from 'commander';
import { done, type Context } from '../context.ts';
import { followRun } from '../follow/follow-run.ts';
import { action, leaf, type Host } from '../host.ts';
import { runNumber } from '../parse-arguments.ts';
import { showRun, showRuns } from '../show/runs.ts';
import { defineObjects, runObjects } from './object.ts';
import { addPageOptions } from './page-options.ts';
import { addAfterStart, defineStart, tellStarted, type AfterStart } from './run-start.ts';

export function defineRun(family: Command, host: Host): void {
  defineStart(family, host, {
    usage: 'start <pipeline>',
    summary: 'Start a run',
    examples: [
      'gofer run start hello',
      'gofer run start hello --variable WHO=world --follow',
      'gofer run start nightly --variables-file night.env --idempotency-key 2025-11-21',
    ],
  });
  defineReading(family, host);
  defineCancel(family, host);
  addAfterStart(
    leaf(family, {
      usage: 'retry <pipeline> <run>',
      summary: 'Start a run that repeats what was not successful in an earlier one',
      examples: ['gofer run retry hello 7 --follow'],
    }),
  ).action(
    action(host, async (context, pipelineId: string, run: string, options: AfterStart) => {
      const { idempotencyKey } = options;
      const key = idempotencyKey === undefined ? {} : { idempotencyKey };
      const answer = await context.client.retryRun({ ...runOf(context, pipelineId, run), ...key });
      return tellStarted(context, answer.run, options);
    }),
  );
  defineObjects(family.command('object').description('Objects that the tasks of a run share'), host, runObjects);
}

function defineReading(family: Command, host: Host): void {
  addPageOptions(
    leaf(family, {
      usage: 'list <pipeline>',
      summary: 'List the runs of a pipeline, newest first',
      examples: ['gofer run list hello', 'gofer run list hello --limit 50 --json'],
    }),
  ).action(action(host, showRuns));
  leaf(family, {
    usage: 'get <pipeline> <run>',
    summary: 'Show a run and its tasks',
    examples: ['gofer run get hello 7'],
  }).action(
    action(host, (context, pipelineId: string, run: string) => showRun(context, { pipelineId, runId: runNumber(run) })),
  );
  leaf(family, {
    usage: 'follow <pipeline> <run>',
    summary: 'Show progress and logs of a run until it ends; its status is the exit code',
    examples: ['gofer run follow hello 7'],
  }).action(
    action(host, (context, pipelineId: string, run: string) => {
      return followRun(context, { pipelineId, runId: runNumber(run) });
    }),
  );
}

interface CancelOptions {
  readonly force?: boolean;
}

/** Runs in one look at those that are open. */
const CANCEL_PAGE = 500;

function defineCancel(family: Command, host: Host): void {
  leaf(family, {
    usage: 'cancel <pipeline> <run>',
    summary: 'Cancel a run: its tasks are asked to stop, and killed when they do not',
    examples: ['gofer run cancel hello 7', 'gofer run cancel hello 7 --force'],
  })
    .option('--force', 'kill its tasks at once')
    .action(
      action(host, async (context, pipelineId: string, run: string, { force = false }: CancelOptions) => {
        const place = runOf(context, pipelineId, run);
        await context.client.cancelRun({ ...place, force });
        const text = `Asked run #${place.runId} of [${pipelineId}] to stop`;
        context.show(done({ cancelled: { pipeline_id: pipelineId, run_id: place.runId, force } }, text));
      }),
    );
  leaf(family, {
    usage: 'cancel-all <pipeline>',
    summary: 'Cancel every run of a pipeline that is not over',
    examples: ['gofer run cancel-all hello', 'gofer run cancel-all hello --force'],
  })
    .option('--force', 'kill their tasks at once')
    .action(
      action(host, async (context, pipelineId: string, { force = false }: CancelOptions) => {
        const runIds = await openRuns(context, pipelineId);
        for (const runId of runIds) {
          await context.client.cancelRun({ namespaceId: context.settings.namespace, pipelineId, runId, force });
        }
        const count = `${runIds.length} ${runIds.length === 1 ? 'run' : 'runs'}`;
        const json = { cancelled: { pipeline_id: pipelineId, run_ids: runIds, force } };
        context.show(done(json, `Asked ${count} of [${pipelineId}] to stop`));
      }),
    );
}

/** Newest first: a run that waits must not start when the one before it is cancelled. All pages, as an old run may still be open. */
async function openRuns({ client, settings }: Context, pipelineId: string): Promise<readonly number[]> {
  const of = { namespaceId: settings.namespace, pipelineId };
  await client.getPipeline(of);
  const open = new Set<number>();
  for (let offset = 0; ; offset += CANCEL_PAGE) {
    const { runs } = await client.listRuns({ ...of, limit: CANCEL_PAGE, offset, reverse: true });
    // Runs that are started meanwhile push earlier ones to the next page.
    for (const run of runs) if (run.state !== 'complete') open.add(run.run_id);
    if (runs.length < CANCEL_PAGE) return [...open];
  }
}

function runOf({ settings }: Context, pipelineId: string, run: string) {
  return { namespaceId: settings.namespace, pipelineId, runId: runNumber(run) };
}
