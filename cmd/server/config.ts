// Reads the server's settings: defaults, then TOML files, then the environment; later ones win. All problems are told at once, each
// with the key, what was found and what was expected, and nothing starts on a setting that is wrong.

import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { AppError, errorText, invariant } from '../../store/model/errors.ts';
import { ENVIRONMENT_PREFIX, SETTINGS, environmentName } from './config-keys.ts';
import type { ServerConfig, Setting, SettingKey } from './config-keys.ts';

/** Read when it is there, as in the original. */
export const DEFAULT_FILE = '/etc/gofer/gofer_web.toml';

export interface ConfigSource {
  /** A file that has to be there; absent = only the default file, if it exists. */
  readonly file?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Settings that beat all others, from the command line. */
  readonly overrides?: Partial<ServerConfig>;
}

export interface LoadedConfig {
  readonly config: ServerConfig;
  /** Keys that nothing reads: ignored, as in the original, but not in silence. */
  readonly unknown: readonly string[];
}

/** Throws AppError('invalid') that lists every problem. */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const problems: string[] = [];
  const unknown: string[] = [];
  const values = new Map<string, unknown>();
  for (const [key, setting] of Object.entries(SETTINGS)) values.set(key, setting.default);

  for (const [key, value] of readFile(source.file)) {
    if (isSetting(key)) take(values, { key, value, from: 'file' }, problems);
    else unknown.push(key);
  }
  const byName = new Map(Object.keys(SETTINGS).map((key) => [environmentName(key), key]));
  for (const [name, text] of Object.entries(source.environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    const key = byName.get(name);
    if (key === undefined) unknown.push(name);
    else if (isSetting(key)) take(values, { key, value: fromText(SETTINGS[key], text), from: name }, problems);
  }
  for (const [key, value] of Object.entries(source.overrides ?? {})) {
    if (isSetting(key)) take(values, { key, value, from: 'command line' }, problems);
  }
  if (problems.length > 0) {
    throw new AppError(
      'invalid',
      `The configuration is not usable:\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
  }
  const config = Object.fromEntries(values);
  invariant('CFG-1', isComplete(config), 'every setting has a value');
  return { config, unknown };
}

/** Defaults come first, and `take` lets in only what is of the setting's type: what is there has the right one. */
function isComplete(values: object): values is ServerConfig {
  return Object.keys(SETTINGS).every((key) => Object.hasOwn(values, key));
}

function isSetting(key: string): key is SettingKey {
  return Object.hasOwn(SETTINGS, key);
}

function readFile(file: string | undefined): readonly (readonly [string, unknown])[] {
  let text: string;
  try {
    text = readFileSync(file ?? DEFAULT_FILE, 'utf8');
  } catch (error) {
    if (file === undefined) return [];
    throw new AppError('invalid', `The configuration file ${file} cannot be read: ${errorText(error)}`);
  }
  try {
    return flatten(parse(text), '');
  } catch (error) {
    throw new AppError('invalid', `The configuration file ${file ?? DEFAULT_FILE} is not TOML: ${errorText(error)}`);
  }
}

function flatten(table: object, prefix: string): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    return isTable ? flatten(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]];
  });
}

/** The environment holds text; what it means depends on what the setting wants. */
function fromText(setting: Setting, text: string): unknown {
  switch (setting.type) {
    case 'text':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'integer':
      return /^-?[0-9]+$/.test(text) ? Number(text) : text;
  }
}

function take(
  values: Map<string, unknown>,
  given: { readonly key: SettingKey; readonly value: unknown; readonly from: string },
  problems: string[],
): void {
  const setting: Setting = SETTINGS[given.key];
  const expected = mismatch(setting, given.value);
  if (expected === null) values.set(given.key, given.value);
  else problems.push(`${given.key} (${given.from}): found ${JSON.stringify(given.value)}, expected ${expected}.`);
}

/** What was expected, when the value does not fit; else null. */
function mismatch(setting: Setting, value: unknown): string | null {
  switch (setting.type) {
    case 'boolean':
      return typeof value === 'boolean' ? null : 'true or false';
    case 'text':
      if (typeof value !== 'string') return 'a text';
      if (setting.oneOf !== undefined && !setting.oneOf.includes(value)) return `one of ${setting.oneOf.join(', ')}`;
      return null;
    case 'integer': {
      const number = typeof value === 'bigint' ? Number(value) : value;
      const [low, high] = setting.range ?? [0, Number.MAX_SAFE_INTEGER];
      const fits = typeof number === 'number' && Number.isSafeInteger(number) && number >= low && number <= high;
      return fits ? null : `a whole number from ${low} to ${high}`;
    }
  }
}

export interface BindAddress {
  readonly host: string;
  readonly port: number;
  readonly loopback: boolean;
}

/** `ip:port` or `[ipv6]:port`; host names are refused, as in the original. Throws AppError('invalid'). */
export function parseBindAddress(text: string, setting = 'server.bind_address'): BindAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? Number.NaN);
  if (host === '' || !(port <= 65_535)) {
    throw new AppError(
      'invalid',
      `${setting}: found ${JSON.stringify(text)}, expected ip:port, such as 127.0.0.1:8080.`,
    );
  }
  return { host, port, loopback: host.startsWith('127.') || host === '::1' };
}
