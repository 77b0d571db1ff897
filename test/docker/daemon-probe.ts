// Looks at a daemon from beside the engine: for tests that must not believe what the engine says of itself.

import type { AttemptId } from '../../store/model/ids.ts';
import type { DockerAddress } from '../../scheduler/engines/docker/address.ts';
import type { Call, DockerClient } from '../../scheduler/engines/docker/client.ts';
import { createDockerClient } from '../../scheduler/engines/docker/client.ts';
import {
  parseContainerList,
  parseId,
  parseJson,
  parseVolumeList,
} from '../../scheduler/engines/docker/answers-parse.ts';
import {
  ATTEMPT_LABEL,
  containerName,
  createBody,
  INSTALLATION_LABEL,
} from '../../scheduler/engines/docker/container-spec.ts';
import { linesOf } from '../../scheduler/engines/docker/json-lines.ts';
import type { AttemptSpec } from '../../scheduler/engines/port.ts';

export interface DaemonProbe {
  readonly client: DockerClient;
  /** How often containers of this attempt were started since the probe was opened. */
  starts(id: AttemptId): Promise<number>;
  isAlive(id: AttemptId): Promise<boolean>;
  /** Creates the container of an attempt and does not start it, as a leader that dies in between. */
  createOnly(spec: AttemptSpec): Promise<string>;
  start(containerId: string): Promise<number>;
  /** Removes everything of the installation. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

let markers = 0;

/** Counts from here on: all that the daemon tells of starts is written down as it comes. */
export async function openProbe(address: DockerAddress, installation: string): Promise<DaemonProbe> {
  const client = createDockerClient({ address });
  const log = await openStartLog(client);
  const send = (call: Call, ...statuses: number[]) => client.expect(call, statuses);
  const label = `${INSTALLATION_LABEL}=${installation}`;
  return {
    client,
    async starts(id) {
      await log.caughtUp();
      return log.starts.filter((attempt) => attempt === id).length;
    },
    async isAlive(id) {
      const filters = JSON.stringify({ label: [label, `${ATTEMPT_LABEL}=${id}`] });
      const answer = await send({ method: 'GET', path: '/containers/json', query: { filters } }, 200);
      return parseContainerList(answer.body).length > 0;
    },
    async createOnly(spec) {
      const query = { name: containerName(installation, spec.id) };
      const body = createBody({ installation, creator: 'probe' }, spec);
      return parseId((await send({ method: 'POST', path: '/containers/create', query, body }, 201)).body);
    },
    async start(containerId) {
      return (await client.call({ method: 'POST', path: `/containers/${containerId}/start` })).status;
    },
    clear: () => clearDaemon(client, label),
    async close() {
      await client.close();
      await log.over;
    },
  };
}

/** Removes every container and volume with this label. */
export async function clearDaemon(client: DockerClient, label: string): Promise<void> {
  const filters = JSON.stringify({ label: [label] });
  const send = (call: Call, ...statuses: number[]) => client.expect(call, statuses);
  const listed = await send({ method: 'GET', path: '/containers/json', query: { all: '1', filters } }, 200);
  for (const { containerId } of parseContainerList(listed.body)) {
    const query = { force: '1', v: '1' };
    await send({ method: 'DELETE', path: `/containers/${containerId}`, query }, 204, 404, 409);
  }
  const volumes = await send({ method: 'GET', path: '/volumes', query: { filters } }, 200);
  for (const { name } of parseVolumeList(volumes.body)) {
    await send({ method: 'DELETE', path: `/volumes/${encodeURIComponent(name)}` }, 204, 404);
  }
}

export interface StartLog {
  /** The attempt of each container that was started, in order; grows by itself. */
  readonly starts: readonly string[];
  /** Resolves once all starts up to now are in `starts`. */
  caughtUp(): Promise<void>;
  /** Ends when the client is closed. */
  readonly over: Promise<void>;
}

/** Writes down every start of a container that the daemon tells of, whoever caused it. */
export async function openStartLog(client: DockerClient): Promise<StartLog> {
  const starts: string[] = [];
  const seen = new Set<string>();
  const waiting = new Map<string, () => void>();
  const filters = JSON.stringify({ type: ['container', 'volume'], event: ['start', 'create'] });
  const since = String(Math.floor((await client.now()) / 1_000) - 1);
  const stream = await client.stream({ method: 'GET', path: '/events', query: { filters, since } });

  async function read(): Promise<void> {
    for await (const line of linesOf(stream.bytes)) {
      const event = parseJson(line) as {
        Type: string;
        Action: string;
        Actor: { ID: string; Attributes: Record<string, string> };
      };
      if (event.Type === 'container' && event.Action === 'start')
        starts.push(event.Actor.Attributes[ATTEMPT_LABEL] ?? '');
      seen.add(event.Actor.ID);
      waiting.get(event.Actor.ID)?.();
    }
  }

  const over = read().catch(() => undefined);
  return {
    starts,
    over,
    async caughtUp() {
      // An event that is caused now comes after all that were caused before.
      markers += 1;
      const marker = `gofer-probe-${process.pid}-${Date.now()}-${markers}`;
      await client.expect({ method: 'POST', path: '/volumes/create', body: { Name: marker } }, [201]);
      if (!seen.has(marker)) await new Promise<void>((resolve) => waiting.set(marker, resolve));
      await client.expect({ method: 'DELETE', path: `/volumes/${marker}` }, [204]);
    },
  };
}
