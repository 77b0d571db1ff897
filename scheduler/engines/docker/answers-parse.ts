// Answers of the daemon, parsed once. What is missing or of another type is an answer that cannot be read: 'unavailable'.

import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId, Instant } from '../../../store/model/ids.ts';
import { parseAttemptId } from '../../../store/model/ids.ts';
import { ATTEMPT_LABEL, CREATOR_LABEL } from './container-spec.ts';

export interface Container {
  readonly containerId: string;
  /** Empty when it is none of ours. */
  readonly creator: string;
  readonly createdAt: Instant;
  readonly status: string;
  readonly running: boolean;
  readonly oomKilled: boolean;
  readonly exitCode: number;
  /** What went wrong at the start; empty when nothing did. */
  readonly error: string;
  /** 0 = it was never started. */
  readonly startedAt: Instant;
  /** 0 = it has not ended. */
  readonly finishedAt: Instant;
}

export interface ContainerEvent {
  readonly action: string;
  readonly containerId: string;
  /** Null when the container is not an attempt's. */
  readonly attempt: AttemptId | null;
}

export interface ListedContainer {
  readonly containerId: string;
  readonly attempt: AttemptId | null;
  readonly createdAt: Instant;
  readonly state: string;
}

export interface Volume {
  readonly name: string;
  readonly createdAt: Instant;
  readonly labels: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;

export function parseContainer(body: unknown): Container {
  const answer = object(body, 'container');
  const state = object(answer.State, 'container state');
  const config = object(answer.Config, 'container config');
  const creator = isObject(config.Labels) ? config.Labels[CREATOR_LABEL] : undefined;
  return {
    containerId: text(answer.Id, 'container id'),
    creator: typeof creator === 'string' ? creator : '',
    createdAt: instant(answer.Created),
    status: text(state.Status, 'status'),
    running: state.Running === true,
    oomKilled: state.OOMKilled === true,
    exitCode: number(state.ExitCode, 'exit code'),
    error: typeof state.Error === 'string' ? state.Error : '',
    startedAt: instant(state.StartedAt),
    finishedAt: instant(state.FinishedAt),
  };
}

/** Id of the daemon, from its `/info`. An empty one would make all such daemons the same. */
export function parseDaemonId(body: unknown): string {
  const id = text(object(body, 'info').ID, 'daemon id');
  if (id === '') throw unreadable('daemon id');
  return id;
}

/** Id of a created container or exec. */
export function parseId(body: unknown): string {
  return text(object(body, 'created').Id, 'id');
}

export function parseEvent(line: string): ContainerEvent {
  const event = object(parseJson(line), 'event');
  const actor = object(event.Actor, 'actor');
  const attributes = isObject(actor.Attributes) ? actor.Attributes : {};
  return {
    action: text(event.Action, 'action'),
    containerId: text(actor.ID, 'actor id'),
    attempt: attemptOf(attributes[ATTEMPT_LABEL]),
  };
}

export function parseContainerList(body: unknown): readonly ListedContainer[] {
  return list(body, 'containers').map((item) => {
    const entry = object(item, 'container');
    const labels = isObject(entry.Labels) ? entry.Labels : {};
    return {
      containerId: text(entry.Id, 'container id'),
      attempt: attemptOf(labels[ATTEMPT_LABEL]),
      createdAt: number(entry.Created, 'created') * 1_000,
      state: text(entry.State, 'state'),
    };
  });
}

export function parseVolume(body: unknown): Volume {
  const volume = object(body, 'volume');
  const labels = isObject(volume.Labels) ? volume.Labels : {};
  return {
    name: text(volume.Name, 'volume name'),
    createdAt: instant(volume.CreatedAt),
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)])),
  };
}

export function parseVolumeList(body: unknown): readonly Volume[] {
  const volumes = object(body, 'volumes').Volumes;
  return volumes === null || volumes === undefined ? [] : list(volumes, 'volumes').map(parseVolume);
}

export interface ExecState {
  readonly running: boolean;
  readonly exitCode: number | null;
}

export function parseExec(body: unknown): ExecState {
  const exec = object(body, 'exec');
  return { running: exec.Running === true, exitCode: typeof exec.ExitCode === 'number' ? exec.ExitCode : null };
}

export interface PullLine {
  readonly layer: string;
  readonly status: string;
  readonly current: number;
  readonly total: number;
  /** Why the pull failed; null on every other line. */
  readonly error: string | null;
}

export function parsePullLine(line: string): PullLine {
  const entry = object(parseJson(line), 'pull progress');
  const progress = isObject(entry.progressDetail) ? entry.progressDetail : {};
  return {
    layer: typeof entry.id === 'string' ? entry.id : '',
    status: typeof entry.status === 'string' ? entry.status : '',
    current: typeof progress.current === 'number' ? progress.current : 0,
    total: typeof progress.total === 'number' ? progress.total : 0,
    error: typeof entry.error === 'string' ? entry.error : null,
  };
}

/** The `message` of an error answer. */
export function errorMessage(body: unknown): string {
  return isObject(body) && typeof body.message === 'string' ? body.message.trim() : 'no reason given';
}

export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw unreadable('JSON', error);
  }
}

/** Null when the label names no attempt. */
export function attemptOf(label: unknown): AttemptId | null {
  return typeof label === 'string' && parseAttemptId(label) !== null ? (label as AttemptId) : null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(value: unknown, what: string): Json {
  if (!isObject(value)) throw unreadable(what);
  return value;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw unreadable(what);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw unreadable(what);
  return value;
}

function number(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw unreadable(what);
  return value;
}

/** Docker writes the year 1 for what has not happened. */
function instant(value: unknown): Instant {
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(parsed) || parsed < 0 ? 0 : parsed;
}

function unreadable(what: string, cause?: unknown): AppError {
  return new AppError('unavailable', 'Docker gave an answer that cannot be read.', { detail: what, cause });
}
