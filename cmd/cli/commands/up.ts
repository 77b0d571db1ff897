// `gofer up <path>`: from a pipeline project to a deployed pipeline.

import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { action, describeWith, type Host } from '../host.ts';
import { cutToWidth, visible } from '../text/display.ts';
import { buildDocument } from '../up/build-document.ts';
import type { Terminal } from '../terminal.ts';

interface UpOptions {
  readonly deploy: boolean;
  readonly dryRun?: boolean;
}

export function defineUp(command: Command, host: Host): void {
  describeWith(command, {
    summary: 'Register and deploy the pipeline of a project (TypeScript, JavaScript, Go, Rust, or a finished .json)',
    examples: [
      'gofer up ./my-pipeline',
      'gofer up pipeline.ts --no-deploy     register it, but let new runs use the version before',
      'gofer up pipeline.ts --dry-run       print the document, send nothing',
    ],
  })
    .argument('<path>', 'folder of the project, or one .ts, .js or .json file')
    .option('-d, --deploy', 'new runs use the new version', true)
    .option('--no-deploy', 'only register')
    .option('--dry-run', 'only print the document that would be registered')
    .action(action(host, up));
}

async function up(context: Context, target: string, { deploy, dryRun }: UpOptions): Promise<void> {
  const { client, settings, show, signal, terminal } = context;
  const spinner = createSpinner(terminal);
  const config = await buildDocument(target, { signal, onErrorLine: spinner.line }).finally(spinner.clear);
  if (dryRun === true) {
    show({ json: config, text: () => JSON.stringify(config, null, 2) });
    return;
  }
  const of = { namespaceId: settings.namespace, pipelineId: config.id };
  const { pipeline } = await client.registerConfig({ ...of, config });
  const { version, name } = pipeline.config;
  const { deployment } = deploy ? await client.deployConfig({ ...of, version }) : { deployment: null };
  show({
    json: { pipeline, deployment },
    text: ({ paint }) => {
      const tick = paint('green', '✓');
      const lines = [`${tick} Registered: [${config.id}] '${visible(name)}' v${version}`];
      if (deployment !== null) {
        const from = deployment.start_version === version ? '' : ` (before: v${deployment.start_version})`;
        lines.push(`${tick} Deployed: new runs use v${version}${from}`);
      }
      const next =
        deployment === null
          ? `deploy it: gofer pipeline config deploy ${config.id} ${version}`
          : `start it: gofer run start ${config.id} --follow`;
      const hints = [`see it:   gofer fetch ${config.id}`, next].map((hint) => paint('grey', `  (hint) ${hint}`));
      return [...lines, ...hints].join('\n');
    },
  });
}

interface Spinner {
  readonly line: (text: string) => void;
  readonly clear: () => void;
}

const CLEAR_LINE = '\r\u001b[2K';

/** What the program says while it is compiled and run: its last line on a screen, all lines in a file. */
function createSpinner({ err, errPaint, errIsTerminal, columns }: Terminal): Spinner {
  if (!errIsTerminal) return { line: (text) => err(`${visible(text)}\n`), clear: () => undefined };
  return {
    line: (text) => err(`${CLEAR_LINE}${errPaint('grey', cutToWidth(visible(text), columns() - 1))}`),
    clear: () => err(CLEAR_LINE),
  };
}
