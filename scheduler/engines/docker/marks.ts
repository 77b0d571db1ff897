// Records that live in the daemon itself, as empty labelled volumes: cheap, durable, and creating one twice is no error.
//
//   forgotten   this id had its attempt and was let go of: it must never have another
//   settling    a container that was created and not started is being removed. When the mark outlives its container, whoever
//               made it died in between, or saw a start: the attempt is lost

import type { AttemptId, Instant } from '../../../store/model/ids.ts';
import { parseVolume, parseVolumeList } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { segment } from './client.ts';
import { ATTEMPT_LABEL, INSTALLATION_LABEL, labelsOf, markName } from './container-spec.ts';

export type MarkKind = 'forgotten' | 'settling';

const KIND_LABEL = 'io.gofer.mark';
const CONTAINER_LABEL = 'io.gofer.container';

export interface Mark {
  readonly createdAt: Instant;
  /** The container that is being settled. */
  readonly containerId: string;
}

export interface StoredMark {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly createdAt: Instant;
}

export interface Marks {
  /** Gives the mark that is there afterwards, which may be an earlier one. */
  put(kind: MarkKind, id: AttemptId, containerId: string): Promise<Mark>;
  read(kind: MarkKind, id: AttemptId): Promise<Mark | null>;
  drop(kind: MarkKind, id: AttemptId): Promise<void>;
  list(): Promise<readonly StoredMark[]>;
  dropNamed(name: string): Promise<void>;
}

export function createMarks(client: DockerClient, installation: string): Marks {
  async function dropNamed(name: string): Promise<void> {
    const path = `/volumes/${segment(name)}`;
    await client.expect({ method: 'DELETE', path, repeatable: true }, [204, 404]);
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
    async list() {
      const filters = JSON.stringify({ label: [`${INSTALLATION_LABEL}=${installation}`, KIND_LABEL] });
      const answer = await client.expect({ method: 'GET', path: '/volumes', query: { filters } }, [200]);
      return parseVolumeList(answer.body).map(({ name, createdAt, labels }) => ({
        id: labels[ATTEMPT_LABEL] ?? '',
        name,
        kind: labels[KIND_LABEL] ?? '',
        createdAt,
      }));
    },
    dropNamed,
  };
}

function markOf(body: unknown): Mark {
  const { createdAt, labels } = parseVolume(body);
  return { createdAt, containerId: labels[CONTAINER_LABEL] ?? '' };
}
