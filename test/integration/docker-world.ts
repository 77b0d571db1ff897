// A Docker daemon as a place where the conformance suite runs attempts: each world is an installation of its own on it.

import { randomBytes } from 'node:crypto';
import { parseDockerHost } from '../../scheduler/engines/docker/address.ts';
import type { DockerAddress } from '../../scheduler/engines/docker/address.ts';
import { createDockerClient } from '../../scheduler/engines/docker/client.ts';
import type { DockerEngine, DockerEngineOptions } from '../../scheduler/engines/docker/engine.ts';
import { createDockerEngine } from '../../scheduler/engines/docker/engine.ts';
import { createMarks } from '../../scheduler/engines/docker/marks.ts';
import type { MarkKind } from '../../scheduler/engines/docker/marks.ts';
import type { AttemptId } from '../../store/model/ids.ts';
import type { EngineBody, EngineWorld } from '../conformance/engine-world.ts';
import type { DaemonProbe } from '../docker/daemon-probe.ts';
import { openProbe } from '../docker/daemon-probe.ts';
import { ensureDocker, TEST_IMAGE } from '../docker/ensure-docker.mjs';

export interface DockerWorld extends EngineWorld {
  readonly address: DockerAddress;
  readonly installation: string;
  readonly probe: DaemonProbe;
  open(options?: Partial<DockerEngineOptions>): Promise<DockerEngine>;
}

/** Leaves the mark of a settling whose maker died before its end. */
export async function leaveSettlingMark(world: DockerWorld, id: AttemptId, containerId: string): Promise<void> {
  const { probe, installation } = world;
  await createMarks(probe.client, installation).put('settling', id, containerId);
}

export async function hasMark(world: DockerWorld, id: AttemptId, kind: MarkKind): Promise<boolean> {
  const { probe, installation } = world;
  return (await createMarks(probe.client, installation).read(kind, id)) !== null;
}

/** Gives an engine a client of the same daemon whose clock has gone on. */
export function aMinuteLater(address: DockerAddress): Partial<DockerEngineOptions> {
  const client = createDockerClient({ address });
  return { client: Object.assign(client, { now: async () => Date.now() + 60_000 }) };
}

export function shell(text: string): EngineBody {
  return { image: TEST_IMAGE, entrypoint: null, command: ['/bin/sh', '-c', text] };
}

/** GOFER_TEST_DOCKER_HOST names the daemon; without it the one that `ensureDocker` finds or starts. */
export async function dockerWorld(): Promise<DockerWorld> {
  const { dockerHost } = await ensureDocker();
  return worldOn(parseDockerHost(dockerHost));
}

export async function worldOn(address: DockerAddress): Promise<DockerWorld> {
  const installation = `t${randomBytes(6).toString('hex')}`;
  const probe = await openProbe(address, installation);
  return {
    address,
    installation,
    probe,
    open: async (options = {}) => createDockerEngine({ address, installation, ...options }),
    // The daemon holds everything; an engine that goes leaves nothing behind it but open calls.
    crash: (engine) => engine.close(),
    script: (_id, text) => shell(text),
    missingCommand: () => ({ ...shell(''), command: ['/no/such/command'], name: '/no/such/command' }),
    starts: (id) => probe.starts(id),
    alive: (id) => probe.isAlive(id),
    async dispose() {
      await probe.clear();
      await probe.close();
    },
  };
}
