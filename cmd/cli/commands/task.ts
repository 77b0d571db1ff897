// `gofer task …`

import type { Command } from 'commander';
import type { OfTask } from '../../../sdk/client/types.ts';
import { done, type Context } from '../context.ts';
import { showTaskLog } from '../follow/show-task-log.ts';
import { action, leaf, type Host } from '../host.ts';
import { instantOf, runNumber, secondsOf, wholeNumber } from '../parse-arguments.ts';
import { showTask, showTasks } from '../show/runs.ts';
import { attach, type AttachOptions } from './task-attach.ts';

export function defineTask(family: Command, host: Host): void {
  leaf(family, {
    usage: 'list <pipeline> <run>',
    summary: 'List the tasks of a run',
    examples: ['gofer task list hello 7'],
  }).action(
    action(host, (context, pipelineId: string, run: string) =>
      showTasks(context, { pipelineId, runId: runNumber(run) }),
    ),
  );
  leaf(family, {
    usage: 'get <pipeline> <run> <task>',
    summary: 'Show a task: its state, attempts and variables',
    examples: ['gofer task get hello 7 say-hello'],
  }).action(
    action(host, (context, pipelineId: string, ...[run, taskId]: [string, string]) =>
      showTask(context, { pipelineId, runId: runNumber(run), taskId }),
    ),
  );
  defineCancel(family, host);
  defineLogs(family, host);
  leaf(family, {
    usage: 'attach <pipeline> <run> <task>',
    summary: 'Run a command beside a running task, by default a shell; Ctrl-C ends it',
    examples: ['gofer task attach hello 7 say-hello', "gofer task attach hello 7 say-hello --cmd 'ps aux'"],
  })
    .option('-c, --cmd <command>', 'what to run; split at single spaces', '/bin/sh')
    .action(
      action(host, (context, pipelineId: string, ...[run, taskId, options]: [string, string, AttachOptions]) =>
        attach(context, taskOf(context, { pipelineId, run, taskId }), options),
      ),
    );
}

interface CancelOptions {
  readonly waitFor: string;
}

function defineCancel(family: Command, host: Host): void {
  leaf(family, {
    usage: 'cancel <pipeline> <run> <task>',
    summary: 'Cancel a task; its run then ends as failed',
    examples: ['gofer task cancel hello 7 say-hello', 'gofer task cancel hello 7 say-hello --wait-for 0'],
  })
    .option('-w, --wait-for <seconds>', 'how long it may take to stop before it is killed', '15')
    .action(
      action(host, async (context, pipelineId: string, ...[run, taskId, options]: [string, string, CancelOptions]) => {
        const place = taskOf(context, { pipelineId, run, taskId });
        const waitFor = secondsOf('--wait-for', options.waitFor);
        await context.client.cancelTaskExecution({ ...place, waitFor });
        const json = {
          cancelled: { pipeline_id: pipelineId, run_id: place.runId, task_id: taskId, wait_for: waitFor },
        };
        context.show(done(json, `Asked task [${taskId}] of run #${place.runId} of [${pipelineId}] to stop`));
      }),
    );
}

interface LogOptions {
  readonly follow: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly attempt?: string;
  readonly wait?: boolean;
}

function defineLogs(family: Command, host: Host): void {
  leaf(family, {
    usage: 'logs <pipeline> <run> <task>',
    summary: 'Print the log of a task, and follow it until the task ends',
    examples: [
      'gofer task logs hello 7 say-hello',
      'gofer task logs hello 7 say-hello --tail 20 --no-follow',
      'gofer task logs hello 7 say-hello --since 10m --timestamps',
    ],
  })
    .option('-f, --follow', 'go on until the task ends', true)
    .option('--no-follow', 'stop at what is there now')
    .option('--tail <lines>', 'only the last lines')
    .option('--since <time>', 'only lines since then: "10m" for ten minutes ago, or 2025-11-21T08:45:00Z')
    .option('--timestamps', 'begin each line with its time')
    .option('--attempt <number>', 'of this attempt only; otherwise of the newest, and those that follow')
    .option('--wait', 'wait for a task that has not started yet')
    .action(
      action(host, (context, pipelineId: string, ...[run, taskId, options]: [string, string, LogOptions]) => {
        const { follow, tail, since, timestamps, attempt, wait } = options;
        return showTaskLog(context, taskOf(context, { pipelineId, run, taskId }), {
          follow,
          ...(tail === undefined ? {} : { tail: wholeNumber('--tail', tail) }),
          ...(since === undefined ? {} : { since: instantOf('--since', since, Date.now()) }),
          ...(timestamps === true ? { timestamps } : {}),
          ...(attempt === undefined ? {} : { attempt: wholeNumber('--attempt', attempt, 1) }),
          ...(wait === true ? { wait } : {}),
        });
      }),
    );
}

interface TaskPlace {
  readonly pipelineId: string;
  readonly run: string;
  readonly taskId: string;
}

function taskOf({ settings }: Context, { pipelineId, run, taskId }: TaskPlace): OfTask {
  return { namespaceId: settings.namespace, pipelineId, runId: runNumber(run), taskId };
}
