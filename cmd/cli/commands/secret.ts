// `gofer secret pipeline …` and `gofer secret global …`

import type { Command } from 'commander';
import type { Secret, SecretValue } from '../../../sdk/client/types.ts';
import { usageError } from '../cli-error.ts';
import { done, type Answer, type Context } from '../context.ts';
import { action, collect, leaf, type Host } from '../host.ts';
import { readSecret } from '../read-secret.ts';
import { renderDetails } from '../text/details.ts';
import { renderTable } from '../text/table.ts';

/** The rule for identifiers, which the CLI has always applied to the keys of secrets. */
const KEY_RULE = /^[A-Za-z0-9_-]{3,32}$/;

const VALUE_HELP = `
The value is one of:
  @<path>   the content of a file, as it is
  - or @    standard input, without its last line end
  text      the text itself; it stays in the shell's history, so this is for trying things out
Without a value it is asked for when a person is there, and read from standard input otherwise.
`;

export function defineSecret(family: Command, host: Host): void {
  definePipelineSecrets(family.command('pipeline').description('Secrets that one pipeline may read'), host);
  defineGlobalSecrets(family.command('global').description('Secrets that several namespaces may read'), host);
}

interface GetOptions {
  readonly includeSecret?: boolean;
}

interface PutOptions {
  readonly force?: boolean;
}

function definePipelineSecrets(parent: Command, host: Host): void {
  leaf(parent, {
    usage: 'list <pipeline>',
    summary: 'List the secrets of a pipeline, without their values',
    examples: ['gofer secret pipeline list hello'],
  }).action(
    action(host, async (context, pipelineId: string) => {
      const { secrets } = await context.client.listPipelineSecrets(pipelineOf(context, pipelineId));
      context.show({ json: { secrets }, text: secretListView(secrets) });
    }),
  );
  addInclude(
    leaf(parent, {
      usage: 'get <pipeline> <key>',
      summary: 'Show a secret',
      examples: ['gofer secret pipeline get hello db-password', 'gofer secret pipeline get hello db-password -i'],
    }),
  ).action(
    action(host, async (context, pipelineId: string, ...[key, { includeSecret = false }]: [string, GetOptions]) => {
      const place = { ...pipelineOf(context, pipelineId), key };
      showSecret(context, await context.client.getPipelineSecret({ ...place, includeSecret }));
    }),
  );
  leaf(parent, {
    usage: 'put <pipeline> <key> [value]',
    summary: 'Store a secret',
    examples: [
      'gofer secret pipeline put hello db-password @password.txt',
      'generate-password | gofer secret pipeline put hello db-password - --force',
    ],
  })
    .option('-f, --force', 'replace a secret that is there')
    .addHelpText('after', VALUE_HELP)
    .action(
      action(
        host,
        async (context, pipelineId: string, ...[key, value, options]: [string, string | undefined, PutOptions]) => {
          checkKey(key);
          const content = await readSecret(context.terminal, value);
          const place = { ...pipelineOf(context, pipelineId), key };
          const { secret } = await context.client.putPipelineSecret({
            ...place,
            content,
            force: options.force === true,
          });
          context.show(done({ secret }, `Stored secret [${key}] of [${pipelineId}]`));
        },
      ),
    );
  leaf(parent, {
    usage: 'delete <pipeline> <key>',
    summary: 'Delete a secret',
    examples: ['gofer secret pipeline delete hello db-password'],
  }).action(
    action(host, async (context, pipelineId: string, key: string) => {
      await context.client.deletePipelineSecret({ ...pipelineOf(context, pipelineId), key });
      context.show(done({ deleted: { pipeline_id: pipelineId, key } }, `Deleted secret [${key}] of [${pipelineId}]`));
    }),
  );
}

interface GlobalPutOptions extends PutOptions {
  readonly namespaces?: readonly string[];
}

function defineGlobalSecrets(parent: Command, host: Host): void {
  leaf(parent, {
    usage: 'list',
    summary: 'List the global secrets, without their values',
    examples: ['gofer secret global list'],
  }).action(
    action(host, async ({ client, show }) => {
      const { secrets } = await client.listGlobalSecrets();
      show({ json: { secrets }, text: secretListView(secrets) });
    }),
  );
  addInclude(
    leaf(parent, {
      usage: 'get <key>',
      summary: 'Show a global secret',
      examples: ['gofer secret global get smtp-password'],
    }),
  ).action(
    action(host, async (context, key: string, { includeSecret = false }: GetOptions) => {
      showSecret(context, await context.client.getGlobalSecret({ key, includeSecret }));
    }),
  );
  leaf(parent, {
    usage: 'put <key> [value]',
    summary: 'Store a global secret',
    examples: [
      'gofer secret global put smtp-password @password.txt',
      'gofer secret global put smtp-password @password.txt --namespaces "data-.*" --force',
    ],
  })
    .option(
      '-n, --namespaces <pattern>',
      'namespaces that may read it; may be given several times (default: ".*")',
      collect,
    )
    .option('-f, --force', 'replace a secret that is there')
    .addHelpText('after', VALUE_HELP)
    .action(
      action(host, async (context, key: string, ...[value, options]: [string | undefined, GlobalPutOptions]) => {
        checkKey(key);
        const { force = false, namespaces = ['.*'] } = options;
        const content = await readSecret(context.terminal, value);
        const { secret } = await context.client.putGlobalSecret({ key, content, force, namespaces });
        context.show(done({ secret }, `Stored global secret [${key}]`));
      }),
    );
  leaf(parent, {
    usage: 'delete <key>',
    summary: 'Delete a global secret',
    examples: ['gofer secret global delete smtp-password'],
  }).action(
    action(host, async ({ client, show }, key: string) => {
      await client.deleteGlobalSecret({ key });
      show(done({ deleted: { key } }, `Deleted global secret [${key}]`));
    }),
  );
}

function addInclude(command: Command): Command {
  return command.option('-i, --include-secret', 'with its value');
}

function checkKey(key: string): void {
  if (KEY_RULE.test(key)) return;
  throw usageError(`The key ${JSON.stringify(key)} is not valid: expected 3 to 32 letters, digits, - or _.`);
}

function secretListView(secrets: readonly Secret[]): Answer['text'] {
  return ({ paint, time }) =>
    renderTable(
      {
        columns: ['key', 'namespaces', 'created'],
        rows: secrets.map(({ key, namespaces, created }) => [key, namespaces.join(', '), time(created)]),
      },
      paint,
    );
}

function showSecret({ show }: Context, { metadata, secret = null }: SecretValue): void {
  show({
    json: { metadata, secret },
    text: ({ paint, time }) =>
      renderDetails(
        {
          title: `Secret ${metadata.key}`,
          facts: [
            ['Value', secret ?? '[Redacted]'],
            ['Namespaces', metadata.namespaces.join(', ')],
            ['Created', time(metadata.created)],
          ],
        },
        paint,
      ),
  });
}

function pipelineOf({ settings }: Context, pipelineId: string) {
  return { namespaceId: settings.namespace, pipelineId };
}
