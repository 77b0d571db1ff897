// `gofer token …`

import type { Command } from 'commander';
import type { CreatedToken, Token } from '../../../sdk/client/access-types.ts';
import { done, type Answer, type Context } from '../context.ts';
import { action, collect, leaf, type Host } from '../host.ts';
import { keyValues, wholeNumber } from '../parse-arguments.ts';
import { renderDetails } from '../text/details.ts';
import { renderTable } from '../text/table.ts';

interface CreateOptions {
  readonly roles?: readonly string[];
  readonly expiry?: string;
  readonly metadata?: readonly string[];
}

export function defineToken(family: Command, host: Host): void {
  defineReading(family, host);
  defineMaking(family, host);
  defineChanging(family, host);
}

function defineReading(family: Command, host: Host): void {
  leaf(family, { usage: 'list', summary: 'List all tokens', examples: ['gofer token list'] }).action(
    action(host, async ({ client, show }) => {
      const { tokens } = await client.listTokens();
      show({ json: { tokens }, text: tokenListView(tokens) });
    }),
  );

  leaf(family, {
    usage: 'get <id>',
    summary: 'Show a token, without its secret',
    examples: ['gofer token get 01938c1e-6f3a-7c54-8f4d-2b7a90c1d3e5'],
  }).action(
    action(host, async (context, tokenId: string) => {
      showToken(context, (await context.client.getToken({ tokenId })).token);
    }),
  );

  leaf(family, {
    usage: 'whoami',
    summary: 'Show the token that the CLI uses',
    examples: ['gofer token whoami', 'gofer token whoami --token "$OTHER_TOKEN"'],
  }).action(
    action(host, async (context) => {
      showToken(context, (await context.client.whoAmI()).token);
    }),
  );
}

function defineMaking(family: Command, host: Host): void {
  leaf(family, {
    usage: 'create <user>',
    summary: 'Create a token; its secret is shown this once',
    examples: [
      'gofer token create ada --roles user',
      'gofer token create backup-robot --roles nightly-backups --expiry 7776000 --metadata team=storage',
    ],
  })
    .option('-r, --roles <role>', 'a role that it holds; may be given several times', collect)
    .option('-e, --expiry <seconds>', 'how long it is valid; 0 = for ever', '0')
    .option('-m, --metadata <KEY=VALUE>', 'a note on it; may be given several times', collect)
    .action(
      action(host, async ({ client, show }, user: string, options: CreateOptions) => {
        const { roles = [], expiry = '0', metadata = [] } = options;
        const expires = wholeNumber('--expiry', expiry);
        const created = await client.createToken({
          ...{ user, roles, expires },
          metadata: keyValues('--metadata', metadata),
        });
        show(createdView(created));
      }),
    );

  leaf(family, {
    usage: 'bootstrap',
    summary: 'Create the first token, which may do everything; works once in the life of an installation',
    examples: ['gofer token bootstrap', 'gofer token bootstrap --json > first-token.json'],
  }).action(
    action(host, async ({ client, show }) => {
      show(createdView(await client.createBootstrapToken()));
    }),
  );
}

function defineChanging(family: Command, host: Host): void {
  for (const [name, disabled, word] of [
    ['enable', false, 'Enabled'],
    ['disable', true, 'Disabled'],
  ] as const) {
    leaf(family, {
      usage: `${name} <id>`,
      summary: disabled ? 'Refuse requests with a token from now on' : 'Accept requests with a token again',
      examples: [`gofer token ${name} 01938c1e-6f3a-7c54-8f4d-2b7a90c1d3e5`],
    }).action(
      action(host, async ({ client, show }, tokenId: string) => {
        await client.updateToken({ tokenId, disabled });
        show(done({ token: { id: tokenId, disabled } }, `${word} token [${tokenId}]`));
      }),
    );
  }

  leaf(family, {
    usage: 'delete <id>',
    summary: 'Delete a token: requests with it are refused from now on',
    examples: ['gofer token delete 01938c1e-6f3a-7c54-8f4d-2b7a90c1d3e5'],
  }).action(
    action(host, async ({ client, show }, tokenId: string) => {
      await client.deleteToken({ tokenId });
      show(done({ deleted: { id: tokenId } }, `Deleted token [${tokenId}]`));
    }),
  );
}

function createdView(created: CreatedToken): Answer {
  const { secret, token_details: token } = created;
  return {
    json: created,
    text: ({ paint }) =>
      [
        `${paint('green', '✓')} Created token [${token.id}] of ${token.user}`,
        `${paint('green', '✓')} Secret: ${secret}`,
        '  It is shown this once. For this shell: export GOFER_TOKEN=<secret>; for good: token = "<secret>" in ~/.gofer.toml.',
      ].join('\n'),
  };
}

function isActive({ disabled, expires }: Token): boolean {
  return !disabled && (expires === 0 || expires > Date.now());
}

function tokenListView(tokens: readonly Token[]): Answer['text'] {
  return ({ paint, time }) =>
    renderTable(
      {
        columns: ['id', 'user', 'roles', 'created', 'expires', 'active'],
        rows: tokens.map((token) => [
          ...[token.id, token.user, token.roles.join(', ')],
          ...[time(token.created), time(token.expires), String(isActive(token))],
        ]),
      },
      paint,
    );
}

function showToken({ show }: Context, token: Token): void {
  show({
    json: { token },
    text: ({ paint, time }) =>
      renderDetails(
        {
          title: `Token ${token.id}`,
          facts: [
            ['User', token.user],
            ['Roles', token.roles.join(', ') || 'none: it may do nothing'],
            ['Active', String(isActive(token))],
            ['Created', time(token.created)],
            ['Expires', time(token.expires)],
          ],
          sections: [
            { title: 'Metadata', lines: Object.entries(token.metadata).map(([key, value]) => `${key}=${value}`) },
          ],
        },
        paint,
      ),
  });
}
