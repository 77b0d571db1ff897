// The few calls on containers that the rest of this folder is made of.

import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { Container, ListedContainer } from './answers-parse.ts';
import { parseContainer, parseContainerList } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { segment } from './client.ts';
import { pause } from './deadline.ts';
import { containerName, INSTALLATION_LABEL, tracePath } from './container-spec.ts';

/** Docker needs a moment to remove a container; a loaded daemon needs seconds. */
const REMOVAL_PATIENCE_MS = 10_000;
const REMOVAL_POLL_MS = 50;

export type Removal = 'removed' | 'absent' | 'busy';

/** By container id or name; null when there is none. */
export async function inspect(client: DockerClient, reference: string): Promise<Container | null> {
  const path = `/containers/${segment(reference)}/json`;
  const answer = await client.expect({ method: 'GET', path }, [200, 404]);
  return answer.status === 404 ? null : parseContainer(answer.body);
}

export function findAttempt(client: DockerClient, installation: string, id: AttemptId): Promise<Container | null> {
  return inspect(client, containerName(installation, id));
}

export interface TraceOf {
  readonly installation: string;
  readonly id: AttemptId;
  readonly containerId: string;
}

/**
 * Whether the runtime ever got as far as the body's mounts. True also for a start that the daemon knows nothing of, since it died
 * before it wrote it down. The answer is searched as it comes: a body may have changed any number of files.
 */
export async function hasTrace(client: DockerClient, { installation, id, containerId }: TraceOf): Promise<boolean> {
  const path = `/containers/${segment(containerId)}/changes`;
  const stream = await client.stream({ method: 'GET', path });
  if (stream.status !== 200) {
    stream.close();
    throw new AppError('unavailable', 'The Docker daemon does not tell what a container changed.', {
      detail: `status ${stream.status}`,
    });
  }
  const wanted = JSON.stringify(tracePath(installation, id));
  let end = '';
  for await (const bytes of stream.bytes) {
    const text = end + Buffer.from(bytes).toString('latin1');
    if (text.includes(wanted)) return true;
    end = text.slice(-wanted.length);
  }
  return false;
}

/** Never by force: a container that runs, or is about to, stays ('busy'). */
export async function remove(client: DockerClient, reference: string): Promise<Removal> {
  // Volumes that the image declares have no name and no other owner.
  const call = { method: 'DELETE', path: `/containers/${segment(reference)}`, query: { v: '1' } } as const;
  const { status } = await client.expect(call, [204, 404, 409]);
  if (status === 204) return 'removed';
  return status === 404 ? 'absent' : 'busy';
}

/** Throws 'conflict' when it runs. Another node that removes it at the same time is waited for. */
export async function removeEnded(client: DockerClient, containerId: string): Promise<void> {
  const end = performance.now() + REMOVAL_PATIENCE_MS;
  for (;;) {
    if ((await remove(client, containerId)) !== 'busy') return;
    if ((await inspect(client, containerId))?.running === true) {
      throw new AppError('conflict', 'A task that runs cannot be forgotten.', { detail: containerId });
    }
    if (performance.now() >= end) {
      throw new AppError('unavailable', 'A container is still being removed.', { detail: containerId });
    }
    await pause(REMOVAL_POLL_MS);
  }
}

/** Every container of this installation, ended ones included. */
export async function listContainers(client: DockerClient, installation: string): Promise<readonly ListedContainer[]> {
  const filters = JSON.stringify({ label: [`${INSTALLATION_LABEL}=${installation}`] });
  const answer = await client.expect({ method: 'GET', path: '/containers/json', query: { all: '1', filters } }, [200]);
  return parseContainerList(answer.body);
}
