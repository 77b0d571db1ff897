// `gofer role …`

import type { Command } from 'commander';
import type { Permission, Role } from '../../../sdk/client/access-types.ts';
import { usageError } from '../cli-error.ts';
import { done, type Answer, type Context } from '../context.ts';
import { action, collect, leaf, type Host } from '../host.ts';
import { parsePermission, parsePermissions } from '../parse-permissions.ts';
import { readTextFile } from '../read-input.ts';
import { renderDetails } from '../text/details.ts';
import { renderTable } from '../text/table.ts';

interface PermissionOptions {
  readonly permission?: readonly string[];
  readonly permissionsFile?: string;
}
interface UpdateOptions extends PermissionOptions {
  readonly description?: string;
}

const PERMISSION_HELP = `
A permission is resources=actions, both separated by commas:
  namespaces:^data-.*,pipelines,runs=read,write
Resources: all, configs, deployments, events, extensions, namespaces, objects, permissions, pipelines, runs, secrets, subscriptions,
system, task_executions, tokens. Behind namespaces:, pipelines: and extensions: stands a regular expression over the id, which matches
anywhere in it unless it has ^ and $. Actions: read, write, delete. A request needs all of its resources in one role.
A file has a JSON array: [{"resources": ["runs"], "actions": ["read"]}]; - is standard input.
`;

export function defineRole(family: Command, host: Host): void {
  defineReading(family, host);
  withPermissions(
    leaf(family, {
      usage: 'create <id> <description>',
      summary: 'Create a role',
      examples: [
        'gofer role create readers "Sees all pipelines" --permission "namespaces,pipelines,runs,task_executions=read"',
        'gofer role create data-team "Works on data pipelines" --permissions-file permissions.json',
      ],
    }),
  ).action(
    action(host, async (context, id: string, ...[description, options]: [string, PermissionOptions]) => {
      const permissions = await permissionsOf(context, options);
      if (permissions === null) throw usageError('What may it do? Give --permission or --permissions-file.');
      const { role } = await context.client.createRole({ id, description, permissions });
      context.show(done({ role }, `Created role [${id}]`));
    }),
  );

  withPermissions(
    leaf(family, {
      usage: 'update <id>',
      summary: 'Change the description or the permissions of a role; given permissions replace all earlier ones',
      examples: [
        'gofer role update readers --description "Sees everything"',
        'gofer role update readers --permission "all=read"',
      ],
    }).option('-d, --description <text>', 'new description'),
  ).action(
    action(host, async (context, roleId: string, { description, ...options }: UpdateOptions) => {
      const permissions = await permissionsOf(context, options);
      if (description === undefined && permissions === null) {
        throw usageError('Nothing to change: give --description, --permission or --permissions-file.');
      }
      const { role } = await context.client.updateRole({
        roleId,
        ...(description === undefined ? {} : { description }),
        ...(permissions === null ? {} : { permissions }),
      });
      context.show(done({ role }, `Updated role [${roleId}]`));
    }),
  );

  leaf(family, {
    usage: 'delete <id>',
    summary: 'Delete a role: tokens that hold it lose what it allowed',
    examples: ['gofer role delete readers'],
  }).action(
    action(host, async ({ client, show }, roleId: string) => {
      await client.deleteRole({ roleId });
      show(done({ deleted: { id: roleId } }, `Deleted role [${roleId}]`));
    }),
  );
}

function withPermissions(command: Command): Command {
  return command
    .option('-p, --permission <resources=actions>', 'what it allows; may be given several times', collect)
    .option('--permissions-file <path>', 'what it allows, from a JSON file')
    .addHelpText('after', PERMISSION_HELP);
}

/** Null when none are given. */
async function permissionsOf(
  { terminal }: Context,
  { permission, permissionsFile }: PermissionOptions,
): Promise<readonly Permission[] | null> {
  if (permission === undefined && permissionsFile === undefined) return null;
  const given = (permission ?? []).map(parsePermission);
  if (permissionsFile === undefined) return given;
  return [
    ...given,
    ...parsePermissions(
      await readTextFile(terminal, permissionsFile),
      permissionsFile === '-' ? 'standard input' : permissionsFile,
    ),
  ];
}

function defineReading(family: Command, host: Host): void {
  leaf(family, { usage: 'list', summary: 'List all roles', examples: ['gofer role list'] }).action(
    action(host, async ({ client, show }) => {
      const { roles } = await client.listRoles();
      show({ json: { roles }, text: roleListView(roles) });
    }),
  );

  leaf(family, { usage: 'get <id>', summary: 'Show a role', examples: ['gofer role get user'] }).action(
    action(host, async ({ client, show }, roleId: string) => {
      const { role } = await client.getRole({ roleId });
      show({ json: { role }, text: roleView(role) });
    }),
  );
}

function roleListView(roles: readonly Role[]): Answer['text'] {
  return ({ paint }) =>
    renderTable(
      {
        columns: ['id', 'description', 'system_owned'],
        rows: roles.map(({ id, description, system_role }) => [id, description, String(system_role)]),
      },
      paint,
    );
}

function roleView({ id, description, permissions, system_role }: Role): Answer['text'] {
  const lines = permissions.flatMap(({ resources, actions }) =>
    resources.map((resource) => ({ resource, actions: [...actions].toSorted().join(', ') })),
  );
  const sorted = lines.toSorted((left, right) => (left.resource < right.resource ? -1 : 1));
  const width = Math.max(0, ...sorted.map(({ resource }) => resource.length));
  return ({ paint }) =>
    renderDetails(
      {
        title: `Role ${id}`,
        facts: [
          ['Description', description],
          ['Made by', system_role ? 'Gofer: nobody changes it' : 'people'],
        ],
        sections: [
          {
            title: 'Allows',
            lines: sorted.map(({ resource, actions }) => `${resource.padEnd(width)}  ${actions}`),
          },
        ],
      },
      paint,
    );
}
