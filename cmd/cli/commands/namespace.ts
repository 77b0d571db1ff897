// `gofer namespace …`

import type { Command } from 'commander';
import { usageError } from '../cli-error.ts';
import { done } from '../context.ts';
import { action, leaf, type Host } from '../host.ts';
import { renderDetails } from '../text/details.ts';
import { renderTable } from '../text/table.ts';

interface NamespaceChange {
  readonly name?: string;
  readonly description?: string;
}

export function defineNamespace(family: Command, host: Host): void {
  defineReading(family, host);

  leaf(family, {
    usage: 'create <id> <name> <description>',
    summary: 'Create a namespace',
    examples: ['gofer namespace create data-team "Data team" "Nightly imports and reports"'],
  }).action(
    action(host, async ({ client, show }, id: string, name: string, description: string) => {
      const { namespace } = await client.createNamespace({ id, name, description });
      show(done({ namespace }, `Created namespace [${id}] '${name}'`));
    }),
  );

  leaf(family, {
    usage: 'update <id>',
    summary: 'Change the name or the description of a namespace',
    examples: ['gofer namespace update data-team --description "Imports only"'],
  })
    .option('-n, --name <name>', 'new name')
    .option('-d, --description <text>', 'new description')
    .action(
      action(host, async ({ client, show }, id: string, change: NamespaceChange) => {
        if (change.name === undefined && change.description === undefined) {
          throw usageError('Nothing to change: give --name, --description, or both.');
        }
        const { namespace } = await client.updateNamespace({ namespaceId: id, ...change });
        show(done({ namespace }, `Updated namespace [${id}]`));
      }),
    );

  leaf(family, {
    usage: 'delete <id>',
    summary: 'Delete a namespace with everything in it',
    examples: ['gofer namespace delete data-team'],
  }).action(
    action(host, async ({ client, show }, id: string) => {
      await client.deleteNamespace({ namespaceId: id });
      show(done({ deleted: { namespace_id: id } }, `Deleted namespace [${id}]`));
    }),
  );
}

function defineReading(family: Command, host: Host): void {
  leaf(family, { usage: 'list', summary: 'List all namespaces', examples: ['gofer namespace list'] }).action(
    action(host, async ({ client, show }) => {
      const { namespaces } = await client.listNamespaces();
      show({
        json: { namespaces },
        text: ({ paint, time }) =>
          renderTable(
            {
              columns: ['id', 'name', 'description', 'created'],
              rows: namespaces.map(({ id, name, description, created }) => [id, name, description, time(created)]),
            },
            paint,
          ),
      });
    }),
  );

  leaf(family, { usage: 'get <id>', summary: 'Show a namespace', examples: ['gofer namespace get default'] }).action(
    action(host, async ({ client, show }, id: string) => {
      const { namespace } = await client.getNamespace({ namespaceId: id });
      show({
        json: { namespace },
        text: ({ paint, time }) =>
          renderDetails(
            {
              title: `[${namespace.id}] ${namespace.name}`,
              facts: [
                ['Description', namespace.description],
                ['Created', time(namespace.created)],
                ['Modified', time(namespace.modified)],
              ],
            },
            paint,
          ),
      });
    }),
  );
}
