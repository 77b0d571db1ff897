// The server's log: pino's JSON lines, or the same lines for people. Secret values are never given to it.

import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
};
const LEVEL_COLOURS: Readonly<Record<number, string>> = { 40: '\u001b[33m', 50: '\u001b[31m', 60: '\u001b[31m' };
const RESET = '\u001b[0m';

export interface LogOptions {
  readonly level: string;
  readonly pretty: boolean;
  /** Standard error: a command's standard output stays its own. */
  readonly write: (text: string) => void;
  readonly colours: boolean;
}

export function createLog({ level, pretty, write, colours }: LogOptions): Logger {
  const destination: DestinationStream = { write: (line) => write(pretty ? prettyLine(line, colours) : line) };
  return pino({ level: level === 'off' ? 'silent' : level, base: null }, destination);
}

/** `12:00:01.234 INFO  runs adopted open=3`: the message, then its fields. */
function prettyLine(line: string, colours: boolean): string {
  const { level, time, msg, ...fields } = parseLine(line);
  const number = typeof level === 'number' ? level : 30;
  const name = LEVEL_NAMES[number] ?? String(number);
  const colour = colours ? LEVEL_COLOURS[number] : undefined;
  const head = colour === undefined ? name : `${colour}${name}${RESET}`;
  const at = typeof time === 'number' ? new Date(time).toISOString().slice(11, 23) : '';
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${fieldText(value)}`);
  return `${at} ${head} ${String(msg)}${rest.join('')}\n`;
}

/** Pino wrote it: one JSON object. */
function parseLine(line: string): Readonly<Record<string, unknown>> {
  const record: unknown = JSON.parse(line);
  return typeof record === 'object' ? { ...record } : {};
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"]/.test(text) ? JSON.stringify(text) : text;
}
