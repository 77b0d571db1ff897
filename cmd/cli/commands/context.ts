// `gofer context`: which server the CLI talks to, as what, and where it took that from.

import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { action, describeWith, type Host } from '../host.ts';
import { renderDetails } from '../text/details.ts';
import { UnreachableError } from '../../../sdk/client/errors.ts';

interface ContextOptions {
  readonly showToken?: boolean;
}

export function defineContext(command: Command, host: Host): void {
  describeWith(command, {
    summary: "Show the configuration in use, and the server's version",
    examples: ['gofer context', 'gofer context --json'],
  })
    .option('--show-token', 'the token in clear')
    .action(action(host, showContext));
}

async function showContext(context: Context, { showToken }: ContextOptions): Promise<ExitCode> {
  const { settings, show } = context;
  const token = showToken === true ? settings.token : maskedToken(settings.token);
  const { server, problem } = await askServer(context);
  show({
    json: {
      configuration: {
        api_base_url: settings.apiBaseUrl,
        namespace: settings.namespace,
        token,
        detail: settings.detail,
        output_format: settings.outputFormat,
      },
      client: { version: GOFER_VERSION, commit: GOFER_COMMIT },
      server,
    },
    text: ({ paint }) =>
      renderDetails(
        {
          title: 'Context',
          facts: [
            ['Server', settings.apiBaseUrl],
            ['Server version', server === null ? problem : `${server.semver} (${server.commit})`],
            ['Client version', `${GOFER_VERSION} (${GOFER_COMMIT})`],
            ['Namespace', settings.namespace],
            ['Token', token],
            ['Exact times', settings.detail ? 'yes' : 'no'],
            ['Start of runs', runsText(server?.ignore_pipeline_run_events)],
          ],
        },
        paint,
      ),
  });
  return server === null ? EXIT.unreachable : EXIT.ok;
}

interface ServerFacts {
  readonly semver: string;
  readonly commit: string;
  readonly ignore_pipeline_run_events?: boolean;
}

type Asked =
  { readonly server: ServerFacts; readonly problem: null } | { readonly server: null; readonly problem: string };

/** The configuration is worth seeing above all when the server cannot be reached. */
async function askServer({ client }: Context): Promise<Asked> {
  try {
    const [metadata, preferences] = await Promise.all([
      client.getSystemMetadata(),
      // Only for administrators.
      client.getSystemPreferences().catch(() => ({})),
    ]);
    return { server: { ...metadata, ...preferences }, problem: null };
  } catch (error) {
    if (error instanceof UnreachableError) return { server: null, problem: error.message };
    throw error;
  }
}

function runsText(paused: boolean | undefined): string | null {
  if (paused === undefined) return null;
  return paused ? 'paused: no run is started' : 'allowed';
}

/** Enough to see which one it is. */
const SHOWN_CHARACTERS = 4;

function maskedToken(token: string): string {
  return token.length <= SHOWN_CHARACTERS * 2 ? '*'.repeat(token.length) : `${token.slice(0, SHOWN_CHARACTERS)}…`;
}
