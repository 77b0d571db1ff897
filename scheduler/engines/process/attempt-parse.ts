// What supervisors write, read back: marks of processes, claims, outcomes, the index of a log. All of it may be cut off at any
// byte by a kill or a full disk; what is not whole is not an answer.

import { constants } from 'node:os';
import { attemptId, parseAttemptId } from '../../../store/model/ids.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../store/model/run.ts';

/** A process that cannot be confused with a later one of the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks from boot to its start; null where the system does not tell. */
  readonly start: string | null;
}

export interface ProcessStat extends ProcessMark {
  readonly zombie: boolean;
}

/** Claim as far as it is written: `supervisor` is null while it is empty, `body` until the body was forked. */
export interface Claim {
  readonly bootId: string | null;
  readonly supervisor: ProcessMark | null;
  readonly body: ProcessMark | null;
}

/** Parses a line of /proc/<pid>/stat (the name in it may hold anything but a newline), or `<pid> -`. */
export function parseStat(line: string): ProcessStat | null {
  const bare = /^(\d+) -$/.exec(line.trim());
  if (bare !== null) return { pid: Number(bare[1]), start: null, zombie: false };
  const pid = /^(\d+) \(/.exec(line);
  const nameEnd = line.lastIndexOf(')');
  if (pid === null || nameEnd < 0) return null;
  const fields = line.slice(nameEnd + 2).split(' ');
  const [state] = fields;
  // Field 22 of proc(5); the first after the name is field 3.
  const start = fields[19];
  if (start === undefined || state === undefined) return null;
  return { pid: Number(pid[1]), start, zombie: state === 'Z' || state === 'X' };
}

/** An id that a supervisor or a directory names; null when it is none of ours. */
export function readAttemptId(text: string): AttemptId | null {
  const key = parseAttemptId(text);
  return key === null ? null : attemptId(key, key.attempt);
}

/** Only whole lines count. */
export function parseClaim(text: string): Claim {
  const [first = '', second = ''] = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const blank = first.indexOf(' ');
  if (blank < 0) return { bootId: null, supervisor: null, body: null };
  return { bootId: first.slice(0, blank), supervisor: parseStat(first.slice(blank + 1)), body: parseStat(second) };
}

export interface Outcome {
  readonly end: AttemptEnd;
  /** True for an exit code above 128 of which this text alone does not tell whether it was a signal. */
  readonly unclear: boolean;
  /** Whether the command ever ran. */
  readonly started: boolean;
}

/** Null unless the outcome is whole. */
export function parseOutcome(text: string): Outcome | null {
  if (!text.endsWith('\n.\n')) return null;
  const [first = '', ...more] = text.split('\n');
  const [kind = '', code = '', argument = ''] = first.split(' ');
  switch (kind) {
    case 'e':
      return ended(Number(code), more.join('\n'));
    case 'n':
      return notStarted(whyNotStarted(code, decodeText(argument)));
    case 'r':
      return notStarted(decodeText(code));
    case 'l':
    case 'u':
      return { end: { kind: 'lost', why: decodeText(code) }, unclear: false, started: kind === 'l' };
  }
  return null;
}

function ended(code: number, jobs: string): Outcome {
  const exited: Outcome = { end: { kind: 'exited', code }, unclear: false, started: true };
  const signal = signalName(code - 128);
  if (signal === null || /\bDone|\bExit/.test(jobs)) return exited;
  return { end: { kind: 'signalled', signal }, unclear: !/^\[/.test(jobs), started: true };
}

/** Whether bash, which says nothing of an end by exit code, said that the body died of a signal. */
export function saidSignal(said: string): boolean {
  return said.trim() !== '';
}

function notStarted(why: string): Outcome {
  return { end: { kind: 'not_started', why }, unclear: false, started: false };
}

function whyNotStarted(code: string, name: string): string {
  const shown = JSON.stringify(name);
  if (code === '127') return `The command ${shown} was not found on this machine.`;
  if (code === '126') return `The command ${shown} is not executable.`;
  return `The command ${shown} could not be started: the system refused it, or its arguments and variables are too long.`;
}

function signalName(number: number): string | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? null;
}

/** The opposite of `encodeText`. */
export function decodeText(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '%') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(text.charCodeAt(at));
  }
  return Buffer.from(bytes).toString('utf8');
}

/** At this instant the streams were this long. */
export interface IndexEntry {
  readonly at: number;
  readonly stdout: number;
  readonly stderr: number;
}

export function formatIndexEntry({ at, stdout, stderr }: IndexEntry): string {
  return `${at} ${stdout} ${stderr}\n`;
}

/** Null for a line that is no entry. */
export function parseIndexEntry(line: string): IndexEntry | null {
  const match = /^(\d+) (\d+) (\d+)$/.exec(line);
  return match === null ? null : { at: Number(match[1]), stdout: Number(match[2]), stderr: Number(match[3]) };
}
