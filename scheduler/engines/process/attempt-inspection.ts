// What became of an attempt, from the claim, the outcome and the processes of this machine.
//
// No claim: unknown. A whole outcome: ended. A claim and a living supervisor or body: running (pending while the body's mark
// is missing). A claim and nobody alive: lost, which is written as the outcome, so that it stays the answer.

import { randomUUID } from 'node:crypto';
import { link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptEnd } from '../../../store/model/run.ts';
import type { AttemptReport } from '../port.ts';
import { parseClaim, parseOutcome, saidSignal } from './attempt-parse.ts';
import type { Claim, ProcessMark } from './attempt-parse.ts';
import type { AttemptPaths } from './attempt-files.ts';
import { diskTrouble, hasCode, isPresent, modified, readOrNull } from './attempt-files.ts';
import { isAlive } from './host-processes.ts';
import { encodeText } from './launch-text.ts';

/** A claim without a living supervisor and without a body is given this long: its body may just be writing its mark. */
const SETTLE_MS = 1_000;

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

export interface InspectorDeps {
  readonly bootId: string;
  readonly paths: (id: AttemptId) => AttemptPaths;
}

export interface Inspector {
  inspect(id: AttemptId): Promise<Finding>;
  /** Drops what is remembered of an attempt. */
  drop(id: AttemptId): void;
}

export function createInspector({ bootId, paths }: InspectorDeps): Inspector {
  /** When a claim without processes was seen first, by the clock that is never set. */
  const doubts = new Map<AttemptId, number>();

  /** A doubt that has lasted is settled by an outcome, which also keeps a belated body from becoming its command. */
  async function doubtful(id: AttemptId, claim: Claim): Promise<Finding> {
    const since = doubts.get(id) ?? performance.now();
    doubts.set(id, since);
    if (performance.now() - since < SETTLE_MS) return { state: 'pending' };
    return settleLost(id, claim, 'The supervisor was killed before it started the command.');
  }

  async function settleLost(id: AttemptId, claim: Claim, why: string): Promise<Finding> {
    doubts.delete(id);
    const { end, directory, reserve } = paths(id);
    const draft = `${end}.${randomUUID()}`;
    try {
      await mkdir(directory, { recursive: true });
      await rm(reserve, { force: true });
      await writeFile(draft, `${claim.body === null ? 'u' : 'l'} ${encodeText(why)}\n.\n`);
      // Exclusive and whole: should the supervisor have written after all, its word counts.
      await replaceUnlessWhole({ draft, end });
    } catch (error) {
      throw diskTrouble(end, error);
    } finally {
      await rm(draft, { force: true });
    }
    const report = await readEnded(id, paths(id));
    return report === null ? { state: 'pending' } : { state: 'ended', report };
  }

  async function inspectUnended(id: AttemptId, claim: Claim): Promise<Finding> {
    if (claim.bootId !== null && claim.bootId !== bootId) {
      return settleLost(id, claim, 'The machine was restarted while the task ran.');
    }
    const supervisor = claim.supervisor !== null && isAlive(claim.supervisor) ? claim.supervisor : null;
    if (claim.body === null) return supervisor === null ? doubtful(id, claim) : { state: 'pending' };
    const bodyLives = isAlive(claim.body);
    const startedAt = modified(paths(id).claim);
    if (supervisor !== null || bodyLives) return { state: 'running', supervisor, body: claim.body, startedAt };
    const late = await readEnded(id, paths(id));
    if (late !== null) return { state: 'ended', report: late };
    return settleLost(id, claim, 'The supervisor was killed and the process is gone: how it ended is not known.');
  }

  return {
    async inspect(id) {
      const text = await readOrNull(paths(id).claim);
      if (text === null) return { state: 'unknown', used: isPresent(paths(id).claim) };
      const report = await readEnded(id, paths(id));
      if (report === null) return inspectUnended(id, parseClaim(text));
      doubts.delete(id);
      return { state: 'ended', report };
    },
    drop: (id) => void doubts.delete(id),
  };
}

/** The report of an attempt whose outcome is whole; null for all others. */
async function readEnded(id: AttemptId, paths: AttemptPaths): Promise<EndedAttempt | null> {
  const { claim, end, said } = paths;
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

function exitCodeOf(outcome: string): number {
  return Number(/^e (\d+)/.exec(outcome)?.[1] ?? 0);
}
