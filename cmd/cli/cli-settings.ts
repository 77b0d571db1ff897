// Where the CLI finds the server and how it speaks to the user. Later sources win: defaults, ~/.gofer.toml,
// ~/.config/gofer.toml, environment, options of the command line.

import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { causeChain, systemCode, usageError } from './cli-error.ts';

export type OutputFormat = 'plain' | 'json' | 'silent';

export interface CliSettings {
  /** Several nodes of one cluster have commas between them. */
  readonly apiBaseUrl: string;
  readonly token: string;
  readonly namespace: string;
  /** Exact times instead of "10 minutes ago". */
  readonly detail: boolean;
  readonly outputFormat: OutputFormat;
}

export type PartialSettings = { readonly [Key in keyof CliSettings]?: CliSettings[Key] | undefined };

export const DEFAULT_SETTINGS: CliSettings = {
  apiBaseUrl: 'http://127.0.0.1:8080/',
  token: 'example',
  namespace: 'default',
  detail: false,
  outputFormat: 'plain',
};

export interface SettingsSources {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly options: PartialSettings;
}

/** Throws a usage error that names the file or variable with a wrong value. */
export async function loadSettings({ home, environment, options }: SettingsSources): Promise<CliSettings> {
  const files = [path.join(home, '.gofer.toml'), path.join(home, '.config', 'gofer.toml')];
  const layers = [...(await Promise.all(files.map(readLayer))), fromEnvironment(environment), options];
  let settings = DEFAULT_SETTINGS;
  for (const layer of layers) settings = { ...settings, ...withoutUndefined(layer) };
  checkUrl(settings.apiBaseUrl);
  return settings;
}

export function settingsSources(options: PartialSettings): SettingsSources {
  return { home: os.homedir(), environment: process.env, options };
}

async function readLayer(file: string): Promise<PartialSettings> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return {};
    throw usageError(`Cannot read ${file}: ${causeChain(error).join(': ')}`);
  }
  // Loaded only here: most users have no such file.
  const { parse } = await import('smol-toml');
  try {
    return fromRecord(parse(text), file);
  } catch (error) {
    throw usageError(`${file} is not valid: ${causeChain(error).join(': ')}`);
  }
}

function fromEnvironment(environment: SettingsSources['environment']): PartialSettings {
  const named = (key: string) => (environment[key] === '' ? undefined : environment[key]);
  return fromRecord(
    {
      api_base_url: named('GOFER_API_BASE_URL'),
      token: named('GOFER_TOKEN'),
      namespace: named('GOFER_NAMESPACE'),
      detail: named('GOFER_DETAIL'),
      output_format: named('GOFER_OUTPUT_FORMAT'),
    },
    'the environment (GOFER_…)',
  );
}

function fromRecord(record: Readonly<Record<string, unknown>>, source: string): PartialSettings {
  const text = (key: string): string | undefined => {
    const value = record[key];
    if (value === undefined || typeof value === 'string') return value;
    throw usageError(`${key} in ${source}: expected text.`);
  };
  return {
    apiBaseUrl: text('api_base_url'),
    token: text('token'),
    namespace: text('namespace'),
    detail: asBoolean(record['detail'], source),
    outputFormat: asOutputFormat(text('output_format'), source),
  };
}

function asBoolean(value: unknown, source: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw usageError(`detail in ${source}: expected true or false.`);
}

/** Also used for the option --output. */
export function asOutputFormat(value: string | undefined, source: string): OutputFormat | undefined {
  switch (value) {
    case undefined:
      return undefined;
    case 'plain':
    case 'json':
    case 'silent':
      return value;
  }
  throw usageError(`The output format in ${source}: expected plain, json or silent.`);
}

function checkUrl(text: string): void {
  const isUrl = (part: string) => URL.canParse(part) && /^https?:$/.test(new URL(part).protocol);
  if (text.split(',').every((part) => isUrl(part.trim()))) return;
  throw usageError(
    `The API's base URL ${JSON.stringify(text)} is not valid.`,
    'Expected something like http://127.0.0.1:8080 in GOFER_API_BASE_URL or --api-base-url; several with commas between.',
  );
}

function withoutUndefined(layer: PartialSettings): Partial<CliSettings> {
  return Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined));
}
