// What a service manager's watchdog does for a daemon that has locked itself up. Docker before 23.0 can: when containers come and go at
// once, two of its locks may be taken in opposite orders (moby/moby#46661). It answers then, and starts nothing any more, for anybody.

import { setTimeout as pause } from 'node:timers/promises';
import type { Piece } from '../local-cluster/piece.ts';
import { send } from '../nemesis/processes.ts';
import { ask } from '../links/docker-call.ts';
import { parseId } from './parse-containers.ts';
import type { DockerOptions } from './session.ts';

const EVERY_MS = 5_000;
/** A start takes half a second, on a loaded machine some seconds. */
const STUCK_MS = 45_000;
/** The daemon writes the stacks of its goroutines into a file on SIGUSR1. */
const STACKS_MS = 500;

/** Starts a container of its own now and then; kills a daemon that does not, and starts the next one. */
export function watchDaemon({ daemon, socket, image }: DockerOptions, onStep: (step: string) => void): AsyncDisposable {
  const closing = new AbortController();
  const over = daemon === null ? Promise.resolve() : watch(daemon);

  async function watch(watched: Piece): Promise<void> {
    while (!closing.signal.aborted) {
      await pause(EVERY_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      const pid = watched.pid();
      if (closing.signal.aborted || pid === null) continue;
      const isStuck = await startsNothing(socket, image, closing.signal);
      if (!isStuck || closing.signal.aborted || watched.pid() !== pid) continue;
      onStep(`dockerd started nothing for ${STUCK_MS / 1_000} s (moby/moby#46661): killed and started again`);
      send(pid, 'SIGUSR1');
      await pause(STACKS_MS);
      await watched.kill();
      await watched.start();
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await over;
    },
  };
}

/** True only when a start had no answer within the limit: a daemon that is down or refuses is another matter. */
async function startsNothing(socket: string, image: string, closing: AbortSignal): Promise<boolean> {
  const late = AbortSignal.timeout(STUCK_MS);
  const signal = AbortSignal.any([late, closing]);
  const post = (route: string) => ask(socket, { method: 'POST', path: route, signal });
  try {
    // The daemon that comes after one that was killed removes it.
    const body = JSON.stringify({ Image: image, Cmd: ['/bin/true'], HostConfig: { AutoRemove: true } });
    const created = await ask(socket, { method: 'POST', path: '/containers/create', json: body, signal });
    const route = `/containers/${parseId(created.body)}`;
    await post(`${route}/start`);
    await ask(socket, { method: 'DELETE', path: `${route}?force=1`, signal });
    return false;
  } catch {
    return late.aborted;
  }
}
