// What the user wrote as an argument or option, as the value that it stands for. Each throws a usage error that names the argument.

import { durationSeconds, DURATION_RULE, type Duration } from '../../sdk/duration.ts';
import { usageError } from './cli-error.ts';

/** A whole number from `min`; `name` is the argument's name in the message. */
export function wholeNumber(name: string, text: string, min = 0): number {
  const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw usageError(`${name}: expected a whole number from ${min}, not ${JSON.stringify(text)}.`);
}

/** A run's number, with or without the # that it is shown with. */
export function runNumber(text: string): number {
  return wholeNumber('run', text.replace(/^#/, ''), 1);
}

/** A version of a config, with or without the v that it is shown with; 0 is the newest. */
export function versionNumber(text: string): number {
  return text === 'latest' ? 0 : wholeNumber('version', text.replace(/^v/, ''));
}

/** `KEY=VALUE`, several times. The value may have any characters, also none and further `=`; the last one of a key wins. */
export function keyValues(option: string, texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.map((text) => {
    const end = text.indexOf('=');
    if (end < 1) throw usageError(`${option}: expected KEY=VALUE, not ${JSON.stringify(text)}.`);
    return [text.slice(0, end), text.slice(end + 1)] as const;
  });
  return Object.fromEntries(pairs);
}

/** A file of variables: one JSON object of texts, or lines of KEY=VALUE with comments that begin with #. */
export function parseVariablesFile(text: string, file: string): Readonly<Record<string, string>> {
  if (text.trimStart().startsWith('{')) return variablesOfJson(text, file);
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*(#|$)/.test(line));
  return keyValues(file, lines);
}

function variablesOfJson(text: string, file: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(`${file} is not valid JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const pairs = Object.entries(typeof value === 'object' && value !== null ? value : {}).map(([key, entry]) => {
    if (typeof entry === 'string') return [key, entry] as const;
    if (typeof entry === 'number' || typeof entry === 'boolean') return [key, String(entry)] as const;
    throw usageError(`${file}: expected text as the value of ${JSON.stringify(key)}.`);
  });
  return Object.fromEntries(pairs);
}

/** An instant: how long ago (`10m`), or a date and time (RFC 3339), or milliseconds since 1970. */
export function instantOf(option: string, text: string, now: number): number {
  if (/^[0-9]{11,15}$/.test(text)) return Number(text);
  const ago = durationSeconds(text as Duration);
  if (ago !== null) return Math.floor(now - ago * 1_000);
  const instant = /^[0-9]{4}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(instant)) return instant;
  throw usageError(
    `${option}: expected how long ago ("10m"), or a time such as 2025-11-21T08:45:00Z, not ${JSON.stringify(text)}.`,
  );
}

/** Whole seconds: `15`, or text with a unit. */
export function secondsOf(option: string, text: string): number {
  const seconds = /^[0-9]+$/.test(text) ? Number(text) : durationSeconds(text as Duration);
  if (seconds === null) throw usageError(`${option}: expected ${DURATION_RULE}, not ${JSON.stringify(text)}.`);
  return Math.ceil(seconds);
}
