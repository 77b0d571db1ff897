// Attempts on disk:
//   claims/<id>      made by the supervisor, exclusively, before it starts anything; then the marks of both processes.
//                    Once forgotten: a symbolic link that leads nowhere. It takes no block and is as much in the way.
//   attempts/<id>/   work (the body's directory), stdout, stderr, end (the outcome), index (when the log grew)
// A claim is never removed while a late submit is possible, so whoever finds it taken knows that a body was, or will be,
// started by somebody else.

import type { Stats } from 'node:fs';
import { lstatSync, statSync } from 'node:fs';
import { link, lstat, mkdir, opendir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId, AttemptKey } from '../../../store/model/ids.ts';
import { attemptId, parseAttemptId } from '../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../store/model/run.ts';
import type { AttemptReport } from '../port.ts';
import { parseClaim, parseOutcome, saidSignal } from './attempt-parse.ts';
import type { Claim, ProcessMark } from './attempt-parse.ts';
import { isAlive } from './host-processes.ts';
import { encodeText } from './launch-text.ts';

/** A claim without a living supervisor and without a body is given this long: its body may just be writing its mark. */
const SETTLE_MS = 1_000;

/** How long after `forget` a submit of the same id is still refused. No leader lives nearly as long without the store. */
export const TOMBSTONE_KEPT_MS = 7 * 24 * 3_600_000;

export type EndedAttempt = Extract<AttemptReport, { state: 'ended' }>;

export type Finding =
  /** `used`: it was forgotten, or is claimed by now. */
  | { readonly state: 'unknown'; readonly used: boolean }
  | { readonly state: 'pending' }
  | {
      readonly state: 'running';
      /** Null when it was killed; the body goes on without it. */
      readonly supervisor: ProcessMark | null;
      readonly body: ProcessMark;
      readonly startedAt: number;
    }
  | { readonly state: 'ended'; readonly report: EndedAttempt };

export interface AttemptPaths {
  readonly claim: string;
  readonly directory: string;
  readonly work: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly end: string;
  readonly index: string;
  readonly said: string;
}

export interface AttemptStore {
  paths(id: AttemptId): AttemptPaths;
  /** Whether the id was ever claimed. */
  isUsed(id: AttemptId): boolean;
  /** Makes the directories of an attempt that is about to be launched. Throws 'unavailable'. */
  prepare(id: AttemptId): Promise<void>;
  inspect(id: AttemptId): Promise<Finding>;
  /** The report of an attempt whose supervisor just told this exit code; null when the disk must be asked. */
  endedNow(id: AttemptId, code: number): EndedAttempt | null;
  forget(id: AttemptId): Promise<void>;
  list(): Promise<readonly AttemptId[]>;
  /** Removes old tombstones, and what a kill in the middle of `forget` left. */
  sweep(now: number): Promise<void>;
}

export async function openAttemptStore(options: { dataDir: string; bootId: string }): Promise<AttemptStore> {
  const claims = join(options.dataDir, 'claims');
  const attempts = join(options.dataDir, 'attempts');
  /** When a claim without processes was seen first, by the clock that is never set. */
  const doubts = new Map<AttemptId, number>();

  for (const directory of [claims, attempts]) await mkdir(directory, { recursive: true, mode: 0o700 });

  function paths(id: AttemptId): AttemptPaths {
    const directory = join(attempts, id);
    const at = (name: string) => join(directory, name);
    return {
      claim: join(claims, id),
      directory,
      work: at('work'),
      stdout: at('stdout'),
      stderr: at('stderr'),
      end: at('end'),
      index: at('index'),
      said: at('said'),
    };
  }

  async function readEnded(id: AttemptId): Promise<EndedAttempt | null> {
    const { claim, end, said } = paths(id);
    const text = await readOrNull(end);
    const outcome = text === null ? null : parseOutcome(text);
    if (outcome === null) return null;
    const endedAt = modified(end);
    const startedAt = outcome.started ? modified(claim) : 0;
    const signalled = !outcome.unclear || saidSignal((await readOrNull(said)) ?? '');
    const exited: AttemptEnd = { kind: 'exited', code: exitCodeOf(text ?? '') };
    return {
      id,
      state: 'ended',
      startedAt,
      endedAt: Math.max(startedAt, endedAt),
      end: signalled ? outcome.end : exited,
    };
  }

  /** A doubt that has lasted is settled by an outcome, which also keeps a belated body from becoming its command. */
  async function doubtful(id: AttemptId, claim: Claim): Promise<Finding> {
    const since = doubts.get(id) ?? performance.now();
    doubts.set(id, since);
    if (performance.now() - since < SETTLE_MS) return { state: 'pending' };
    return settleLost(id, claim, 'The supervisor was killed before it started the command.');
  }

  async function settleLost(id: AttemptId, claim: Claim, why: string): Promise<Finding> {
    doubts.delete(id);
    const { end, directory } = paths(id);
    const draft = `${end}.${process.pid}`;
    await mkdir(directory, { recursive: true });
    await writeFile(draft, `${claim.body === null ? 'u' : 'l'} ${encodeText(why)}\n.\n`);
    try {
      // Exclusive and whole: should the supervisor have written after all, its word counts.
      await replaceUnlessWhole({ draft, end });
    } finally {
      await rm(draft, { force: true });
    }
    const report = await readEnded(id);
    return report === null ? { state: 'pending' } : { state: 'ended', report };
  }

  async function inspectUnended(id: AttemptId, claim: Claim): Promise<Finding> {
    if (claim.bootId !== null && claim.bootId !== options.bootId) {
      return settleLost(id, claim, 'The machine was restarted while the task ran.');
    }
    const supervisor = claim.supervisor !== null && isAlive(claim.supervisor) ? claim.supervisor : null;
    if (claim.body === null) return supervisor === null ? doubtful(id, claim) : { state: 'pending' };
    const bodyLives = isAlive(claim.body);
    const startedAt = modified(paths(id).claim);
    if (supervisor !== null || bodyLives) return { state: 'running', supervisor, body: claim.body, startedAt };
    const late = await readEnded(id);
    if (late !== null) return { state: 'ended', report: late };
    return settleLost(id, claim, 'The supervisor was killed and the process is gone: how it ended is not known.');
  }

  return {
    paths,
    isUsed: (id) => stat(join(claims, id), lstatSync) !== null,

    async prepare(id) {
      try {
        await mkdir(paths(id).work, { recursive: true });
      } catch (cause) {
        const detail = `make the directory of attempt ${id}`;
        throw new AppError('unavailable', 'The attempt could not be prepared on disk.', { detail, cause });
      }
    },

    async inspect(id) {
      const text = await readOrNull(paths(id).claim);
      if (text === null) return { state: 'unknown', used: stat(paths(id).claim, lstatSync) !== null };
      const report = await readEnded(id);
      if (report !== null) {
        doubts.delete(id);
        return { state: 'ended', report };
      }
      return inspectUnended(id, parseClaim(text));
    },

    endedNow(id, code) {
      if (code > 128) return null;
      const { claim, end } = paths(id);
      const startedAt = modified(claim);
      const endedAt = Math.max(startedAt, modified(end));
      return { id, state: 'ended', startedAt, endedAt, end: { kind: 'exited', code } };
    },

    async forget(id) {
      const { claim, directory } = paths(id);
      const draft = `${claim}~${process.pid}`;
      await rm(draft, { force: true });
      await symlink('forgotten', draft);
      await rename(draft, claim);
      await rm(directory, { recursive: true, force: true });
      doubts.delete(id);
    },

    async list() {
      const found: AttemptId[] = [];
      for await (const entry of await opendir(attempts)) {
        const key = parseAttemptId(entry.name);
        if (key !== null) found.push(idOf(key));
      }
      return found;
    },

    async sweep(now) {
      for await (const entry of await opendir(claims)) {
        if (!entry.isSymbolicLink()) continue;
        const path = join(claims, entry.name);
        await rm(join(attempts, entry.name), { recursive: true, force: true });
        const age = now - (await lstat(path)).mtimeMs;
        if (age > TOMBSTONE_KEPT_MS) await unlink(path);
      }
    },
  };
}

function idOf(key: AttemptKey): AttemptId {
  return attemptId(key, key.attempt);
}

/** A torn outcome of a supervisor that was killed while writing is in the way of `link`. */
async function replaceUnlessWhole({ draft, end }: { readonly draft: string; readonly end: string }): Promise<void> {
  try {
    await link(draft, end);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    const text = await readOrNull(end);
    if (text === null || parseOutcome(text) === null) await rename(draft, end);
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw new AppError('unavailable', 'The attempt cannot be read.', { detail: path, cause: error });
  }
}

/** Synchronous, since the file was written just now: 3 us from the cache, against 50 us by way of the thread pool. */
function modified(path: string): number {
  return Math.floor(stat(path, statSync)?.mtimeMs ?? 0);
}

function stat(
  path: string,
  ask: (path: string, options: { throwIfNoEntry: false }) => Stats | undefined,
): Stats | null {
  return ask(path, { throwIfNoEntry: false }) ?? null;
}

function exitCodeOf(outcome: string): number {
  return Number(/^e (\d+)/.exec(outcome)?.[1] ?? 0);
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
