// Clears the daemon of what this installation left there and nobody needs. Containers of others, and ours that still run, are
// never touched.

import type { AttemptId } from '../../../store/model/ids.ts';
import type { DockerClient } from './client.ts';
import { listContainers } from './containers.ts';
import type { Marks } from './marks.ts';

/**
 * Longer than anything that a leader of long ago may still do: its pulls end after an hour (PULL_LIMITS.totalMs), and a start
 * after a minute. Short, since each is a volume that the daemon reads at its start.
 */
const MARK_KEEP_MS = 2 * 3_600_000;

const OVER: ReadonlySet<string> = new Set(['created', 'exited', 'dead']);

export interface SweepOptions {
  /** Attempts that the state store still knows. */
  readonly keep: (id: AttemptId) => boolean;
  /** Younger ones stay: their record may be on its way. */
  readonly olderThanMs: number;
}

export interface Swept {
  readonly containers: number;
  readonly marks: number;
  /** Ours, not wanted, and running: to be stopped by whoever knows better. */
  readonly running: readonly AttemptId[];
}

export interface SweepDeps {
  readonly client: DockerClient;
  readonly marks: Marks;
  readonly installation: string;
  readonly forget: (id: AttemptId) => Promise<void>;
}

export async function sweep(deps: SweepDeps, { keep, olderThanMs }: SweepOptions): Promise<Swept> {
  const { client, marks, installation } = deps;
  // Ages are by the daemon's clock on both sides.
  const now = await client.now();
  const running: AttemptId[] = [];
  let containers = 0;
  for (const { attempt, createdAt, state } of await listContainers(client, installation)) {
    if (attempt === null || keep(attempt) || now - createdAt < olderThanMs) continue;
    if (OVER.has(state)) {
      await deps.forget(attempt);
      containers += 1;
    } else running.push(attempt);
  }
  let removed = 0;
  for (const mark of await marks.list()) {
    if (now - mark.createdAt < MARK_KEEP_MS) continue;
    await marks.dropNamed(mark.name);
    removed += 1;
  }
  return { containers, marks: removed, running };
}
