// `gofer run start`, which is also `gofer pipeline run`; and what `gofer run retry` shares with it.

import type { Command } from 'commander';
import type { Run } from '../../../sdk/client/types.ts';
import { done, type Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { followRun } from '../follow/follow-run.ts';
import { action, collect, leaf, type Host, type LeafSpec } from '../host.ts';
import { keyValues, parseVariablesFile } from '../parse-arguments.ts';
import { readTextFile } from '../read-input.ts';

interface StartOptions extends AfterStart {
  readonly variable?: readonly string[];
  readonly variablesFile?: string;
}

export interface AfterStart {
  readonly follow?: boolean;
  readonly idempotencyKey?: string;
}

export function defineStart(family: Command, host: Host, spec: LeafSpec): void {
  const command = leaf(family, spec)
    .option('-v, --variable <KEY=VALUE>', 'a variable of the run; may be given several times', collect)
    .option(
      '--variables-file <path>',
      'variables from a file of KEY=VALUE lines or one JSON object; - is standard input',
    );
  addAfterStart(command).action(
    action(host, async (context, pipelineId: string, options: StartOptions) => {
      const variables = await variablesOf(context, options);
      const { idempotencyKey } = options;
      const { run } = await context.client.startRun({
        namespaceId: context.settings.namespace,
        pipelineId,
        variables,
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
      return tellStarted(context, run, options);
    }),
  );
}

export function addAfterStart(command: Command): Command {
  return command
    .option('-f, --follow', 'show progress and logs until the run ends; its status is the exit code')
    .option('--idempotency-key <text>', 'the same key starts one run only, however often it is sent');
}

/** Those on the command line win over the file's. */
async function variablesOf({ terminal }: Context, { variable = [], variablesFile: file }: StartOptions) {
  const single = keyValues('--variable', variable);
  if (file === undefined) return single;
  return {
    ...parseVariablesFile(await readTextFile(terminal, file), file === '-' ? 'standard input' : file),
    ...single,
  };
}

export async function tellStarted(context: Context, run: Run, { follow }: AfterStart): Promise<ExitCode | void> {
  const { pipeline_id: pipelineId, run_id: runId } = run;
  if (follow === true) return followRun(context, { pipelineId, runId, isKnown: true });
  const started = done({ run }, `Started run #${runId} of [${pipelineId}]`);
  context.show({
    json: started.json,
    text: (view) => {
      const hints = [
        `see it:    gofer fetch ${pipelineId} ${runId}`,
        `follow it: gofer run follow ${pipelineId} ${runId}`,
      ];
      return [started.text(view), ...hints.map((hint) => view.paint('grey', `  (hint) ${hint}`))].join('\n');
    },
  });
}
