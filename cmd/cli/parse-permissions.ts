// Permissions as people write them: on the command line, or in a JSON file. What is wrong inside them the server says best.

import type { Action, Permission } from '../../sdk/client/access-types.ts';
import { usageError } from './cli-error.ts';

const ACTIONS: ReadonlySet<string> = new Set<Action>(['read', 'write', 'delete']);

/** `namespaces:^data-,pipelines=read,write`. A pattern may have an equals sign: the last one counts. */
export function parsePermission(text: string): Permission {
  const end = text.lastIndexOf('=');
  const resources = partsOf(text.slice(0, Math.max(0, end)));
  const actions = partsOf(text.slice(end + 1));
  if (end < 1 || resources.length === 0 || actions.length === 0) {
    throw usageError(
      `--permission: expected resources=actions, such as pipelines,runs=read, not ${JSON.stringify(text)}.`,
    );
  }
  return { resources, actions: actions.map((word) => parseAction('--permission', word)) };
}

/** A JSON array of `{"resources": […], "actions": […]}`. `file` is named in the message. */
export function parsePermissions(text: string, file: string): readonly Permission[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`${file} is not valid JSON: ${error instanceof Error ? error.message : ''}`);
  }
  if (!Array.isArray(value)) throw usageError(`${file}: expected a JSON array of permissions.`);
  return value.map((entry: unknown, index) => permissionOf(entry, `${file}: entry ${index + 1}`));
}

function permissionOf(entry: unknown, where: string): Permission {
  const fields = new Map<string, unknown>(typeof entry === 'object' && entry !== null ? Object.entries(entry) : []);
  return {
    resources: textsOf(fields.get('resources'), `${where}: resources`),
    actions: textsOf(fields.get('actions'), `${where}: actions`).map((word) => parseAction(where, word)),
  };
}

function textsOf(value: unknown, where: string): readonly string[] {
  if (Array.isArray(value) && value.every((text) => typeof text === 'string')) return value;
  throw usageError(`${where}: expected an array of texts.`);
}

function partsOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function parseAction(where: string, word: string): Action {
  if (isAction(word)) return word;
  throw usageError(`${where}: ${JSON.stringify(word)} is no action; there are read, write and delete.`);
}

function isAction(word: string): word is Action {
  return ACTIONS.has(word);
}
