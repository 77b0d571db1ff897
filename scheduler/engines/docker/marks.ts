// Records that live in the daemon itself, as empty labelled volumes: cheap, durable, and creating one twice is no error.
//
//   forgotten   this id had its attempt and was let go of: it must never have another
//   settling    a container that was created and not started is being removed. When the mark outlives its container, whoever
//               made it died in between, or saw a start: the attempt is lost

import type { AttemptId, Instant } from '../../../store/model/ids.ts';
import { attemptOf, parseVolume, parseVolumeList } from './answers-parse.ts';
import type { Volume } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { segment } from './client.ts';
import { ATTEMPT_LABEL, INSTALLATION_LABEL, labelsOf, markName } from './container-spec.ts';

/**
 * Longer than anything that a leader of long ago may still do: its pulls end after an hour (PULL_LIMITS.totalMs), and a start
 * after a minute. Short, since each is a volume that the daemon reads at its start.
 */
const FORGOTTEN_KEPT_MS = 2 * 3_600_000;

export type MarkKind = 'forgotten' | 'settling';

const KIND_LABEL = 'io.gofer.mark';
const CONTAINER_LABEL = 'io.gofer.container';

export interface Mark {
  readonly createdAt: Instant;
  /** The container that is being settled. */
  readonly containerId: string;
}

export interface Marks {
  /** Gives the mark that is there afterwards, which may be an earlier one. */
  put(kind: MarkKind, id: AttemptId, containerId: string): Promise<Mark>;
  read(kind: MarkKind, id: AttemptId): Promise<Mark | null>;
  drop(kind: MarkKind, id: AttemptId): Promise<void>;
  /** Attempts with a mark of this kind. */
  list(kind: MarkKind): Promise<readonly AttemptId[]>;
  /**
   * Drops marks of forgotten attempts once no start of them can be on its way any more. A settling mark stays until its attempt
   * is forgotten, however long no server runs: without it the attempt would look as if it had never been started.
   */
  dropOldForgotten(now: Instant): Promise<void>;
}

export function createMarks(client: DockerClient, installation: string): Marks {
  async function dropNamed(name: string): Promise<void> {
    const path = `/volumes/${segment(name)}`;
    await client.expect({ method: 'DELETE', path, repeatable: true }, [204, 404]);
  }

  async function volumesOf(kind: MarkKind): Promise<readonly Volume[]> {
    const filters = JSON.stringify({ label: [`${INSTALLATION_LABEL}=${installation}`, `${KIND_LABEL}=${kind}`] });
    const answer = await client.expect({ method: 'GET', path: '/volumes', query: { filters } }, [200]);
    return parseVolumeList(answer.body);
  }

  return {
    async put(kind, id, containerId) {
      const labels = { ...labelsOf(installation, id), [KIND_LABEL]: kind, [CONTAINER_LABEL]: containerId };
      const body = { Name: markName(installation, id, kind), Labels: labels };
      const answer = await client.expect({ method: 'POST', path: '/volumes/create', body, repeatable: true }, [201]);
      return markOf(answer.body);
    },
    async read(kind, id) {
      const path = `/volumes/${segment(markName(installation, id, kind))}`;
      const answer = await client.expect({ method: 'GET', path }, [200, 404]);
      return answer.status === 404 ? null : markOf(answer.body);
    },
    drop: (kind, id) => dropNamed(markName(installation, id, kind)),
    async list(kind) {
      const volumes = await volumesOf(kind);
      return volumes.map(({ labels }) => attemptOf(labels[ATTEMPT_LABEL])).filter((id) => id !== null);
    },
    async dropOldForgotten(now) {
      for (const { name, createdAt } of await volumesOf('forgotten')) {
        if (now - createdAt >= FORGOTTEN_KEPT_MS) await dropNamed(name);
      }
    },
  };
}

function markOf(body: unknown): Mark {
  const { createdAt, labels } = parseVolume(body);
  return { createdAt, containerId: labels[CONTAINER_LABEL] ?? '' };
}
