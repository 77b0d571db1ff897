// The attempts of one data directory: made, found, forgotten. The layout is in attempt-files.ts.

import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, opendir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptPaths, AttemptRoots } from './attempt-files.ts';
import { attemptPaths, diskTrouble, hasCode, isPresent, modified } from './attempt-files.ts';
import type { EndedAttempt, Finding } from './attempt-inspection.ts';
import { readAttemptId } from './attempt-parse.ts';
import { createInspector } from './attempt-inspection.ts';

/** How long after `forget` a submit of the same id is still refused. No leader lives nearly as long without the store. */
export const TOMBSTONE_KEPT_MS = 7 * 24 * 3_600_000;

/** A directory that nobody has claimed: the launch it was made for was cut off. One that is on its way takes 20 s at most. */
const UNCLAIMED_KEPT_MS = 24 * 3_600_000;

export interface AttemptStore {
  paths(id: AttemptId): AttemptPaths;
  /** Whether the id was ever claimed. */
  isUsed(id: AttemptId): boolean;
  /** Makes the directories of an attempt that is about to be launched. Throws 'unavailable'. */
  prepare(id: AttemptId): Promise<unknown>;
  inspect(id: AttemptId): Promise<Finding>;
  /** The report of an attempt whose supervisor just told this exit code; null when the disk must be asked. */
  endedNow(id: AttemptId, code: number): EndedAttempt | null;
  forget(id: AttemptId): Promise<void>;
  /** Leaves the tombstone of an attempt that was never claimed; one that is claimed by now is left alone. */
  bar(id: AttemptId): Promise<void>;
  list(): Promise<readonly AttemptId[]>;
  /** Removes old tombstones, and what a kill in the middle of a launch or of `forget` left. */
  tidy(now: number): Promise<void>;
}

export async function openAttemptStore(options: { dataDir: string; bootId: string }): Promise<AttemptStore> {
  const roots: AttemptRoots = { claims: join(options.dataDir, 'claims'), attempts: join(options.dataDir, 'attempts') };
  for (const directory of [roots.claims, roots.attempts]) await mkdir(directory, { recursive: true, mode: 0o700 });
  const paths = (id: AttemptId) => attemptPaths(roots, id);
  const inspector = createInspector({ bootId: options.bootId, paths });

  return {
    paths,
    isUsed: (id) => isPresent(paths(id).claim),
    inspect: (id) => inspector.inspect(id),
    prepare: (id) => onDisk(`make the directory of attempt ${id}`, () => mkdir(paths(id).work, { recursive: true })),
    endedNow(id, code) {
      if (code > 128) return null;
      const { claim, end } = paths(id);
      const startedAt = modified(claim);
      const endedAt = Math.max(startedAt, modified(end));
      return { id, state: 'ended', startedAt, endedAt, end: { kind: 'exited', code } };
    },

    async forget(id) {
      await onDisk(`forget attempt ${id}`, () => forgetAttempt(paths(id)));
      inspector.drop(id);
    },
    bar: (id) => onDisk(`bar attempt ${id}`, () => barAttempt(paths(id))),
    list: () => onDisk('list attempts', () => listAttempts(roots.attempts)),
    tidy: (now) => onDisk('tidy attempts', () => tidyAttempts(roots, now)),
  };
}

async function onDisk<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskTrouble(what, error);
  }
}

/** The tombstone comes first: a kill in between leaves files that `tidy` removes, never an id that is free again. */
async function forgetAttempt({ claim, directory }: AttemptPaths): Promise<void> {
  const draft = `${claim}~${randomUUID()}`;
  await symlink('forgotten', draft);
  await rename(draft, claim);
  await rm(directory, { recursive: true, force: true });
}

async function barAttempt({ claim }: AttemptPaths): Promise<void> {
  try {
    await symlink('forgotten', claim);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

async function listAttempts(attempts: string): Promise<readonly AttemptId[]> {
  const found: AttemptId[] = [];
  for await (const entry of await opendir(attempts)) {
    const id = readAttemptId(entry.name);
    if (id !== null) found.push(id);
  }
  return found;
}

async function tidyAttempts({ claims, attempts }: AttemptRoots, now: number): Promise<void> {
  for await (const { name } of await opendir(attempts)) {
    const directory = join(attempts, name);
    const claim = await lstatOrNull(join(claims, name));
    const isOver =
      claim === null
        ? now - ((await lstatOrNull(directory))?.mtimeMs ?? now) > UNCLAIMED_KEPT_MS
        : claim.isSymbolicLink();
    if (isOver) await rm(directory, { recursive: true, force: true });
  }
  for await (const entry of await opendir(claims)) {
    if (!entry.isSymbolicLink()) continue;
    const path = join(claims, entry.name);
    // Another node may be tidying too.
    const age = now - ((await lstatOrNull(path))?.mtimeMs ?? now);
    if (age > TOMBSTONE_KEPT_MS) await rm(path, { force: true });
  }
}

async function lstatOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
