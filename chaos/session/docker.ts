// The Docker daemon that a chaos run works with: the one that is there, by DOCKER_HOST or at its usual socket.

import type { DockerOptions, EngineKind } from './session.ts';

export interface DockerForChaos extends AsyncDisposable {
  readonly options: DockerOptions;
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock';
/** Any image with /bin/sh will do; nothing is pulled. */
const DEFAULT_IMAGE = 'busybox:latest';

export async function dockerForChaos(engine: EngineKind): Promise<DockerForChaos> {
  const host = process.env['DOCKER_HOST'] || DEFAULT_HOST;
  if (engine === 'docker' && !host.startsWith('unix://')) {
    throw new Error(`--engine docker needs a daemon on a Unix socket, and DOCKER_HOST is ${host}.`);
  }
  return {
    options: {
      socket: host.replace('unix://', ''),
      image: process.env['GOFER_CHAOS_IMAGE'] || DEFAULT_IMAGE,
      daemonPid: null,
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
