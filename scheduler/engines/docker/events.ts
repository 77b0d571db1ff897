// The daemon's event stream: says which attempt to look at again. What became of it is always read from the container.
//
// The stream has no memory worth the name (256 events of the whole daemon) and no heartbeat. So each new connection tells
// `missed`, and a ping beside it finds out when the daemon hangs or the network is gone.

import { errorText } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptReport } from '../port.ts';
import { parseEvent } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { INSTALLATION_LABEL } from './container-spec.ts';
import { linkAborts, pause } from './deadline.ts';
import type { Hub } from './hub.ts';
import { linesOf } from './json-lines.ts';

const HEARTBEAT_MS = 5_000;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_MAX_MS = 5_000;

/** The daemon's clock is told in whole seconds, and its stream begins a moment after its answer's head. */
const OVERLAP_S = 2;

/** The event of an end comes a moment before the container says so. */
const END_TRIES_MAX = 40;
const END_PAUSE_MS = 25;

const EVENTS = ['start', 'die', 'destroy'];

export interface EventsDeps {
  readonly client: DockerClient;
  readonly installation: string;
  readonly hub: Hub;
  readonly look: (id: AttemptId) => Promise<AttemptReport>;
}

/** Runs until the signal aborts; failures end in a reconnection, never in an exception. */
export async function followEvents(deps: EventsDeps, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let why = 'the event stream ended';
    try {
      await followOnce(deps, signal, () => (failures = 0));
    } catch (error) {
      why = errorText(error);
    }
    if (signal.aborted) return;
    failures += 1;
    deps.hub.missed(`Docker events: ${why}`);
    const waitMs = Math.min(RECONNECT_FIRST_MS * 2 ** Math.min(failures, 16), RECONNECT_MAX_MS);
    await pause(waitMs * (0.5 + Math.random() / 2), signal);
  }
}

async function followOnce(deps: EventsDeps, signal: AbortSignal, connected: () => void): Promise<void> {
  const { client, hub, installation } = deps;
  const ending = new AbortController();
  const unlink = linkAborts([signal], ending);
  const looks = createLooks(deps, ending.signal);
  let heartbeat: Promise<void> | null = null;
  try {
    const since = String(Math.floor((await client.now()) / 1_000) - OVERLAP_S);
    const label = [`${INSTALLATION_LABEL}=${installation}`];
    const filters = JSON.stringify({ type: ['container'], label, event: EVENTS });
    const query = { since, filters };
    const stream = await client.stream({ method: 'GET', path: '/events', query, signal: ending.signal });
    connected();
    hub.missed('Docker events: connected');
    heartbeat = beat(client, ending);
    for await (const line of linesOf(stream.bytes)) {
      const { action, attempt } = parseEvent(line);
      if (attempt === null) continue;
      if (action !== 'destroy') looks.at(attempt, { wantsEnd: action === 'die' });
      else if (!hub.hasEnded(attempt)) hub.missed('Docker events: a container was removed');
    }
  } finally {
    unlink();
    ending.abort();
    await Promise.all([heartbeat, looks.done()]);
  }
}

/** Cuts the stream when the daemon does not answer beside it. */
async function beat(client: DockerClient, ending: AbortController): Promise<void> {
  while (!ending.signal.aborted) {
    await pause(HEARTBEAT_MS, ending.signal);
    if (ending.signal.aborted) return;
    try {
      await client.now();
    } catch (error) {
      ending.abort(error);
    }
  }
}

interface Looks {
  at(id: AttemptId, options: { readonly wantsEnd: boolean }): void;
  done(): Promise<void>;
}

/** One look at a time for each attempt, and one more when something happened meanwhile: so reports come in order. */
function createLooks({ look, hub }: EventsDeps, signal: AbortSignal): Looks {
  const wanted = new Map<AttemptId, { wantsEnd: boolean }>();
  const underWay = new Map<AttemptId, Promise<void>>();

  async function work(id: AttemptId): Promise<void> {
    for (let wish = wanted.get(id); wish !== undefined && !signal.aborted; wish = wanted.get(id)) {
      wanted.delete(id);
      await lookOnce(id, wish.wantsEnd);
    }
  }

  async function lookOnce(id: AttemptId, wantsEnd: boolean): Promise<void> {
    try {
      let report = await look(id);
      for (let n = 1; wantsEnd && report.state === 'running' && n < END_TRIES_MAX && !signal.aborted; n += 1) {
        await pause(END_PAUSE_MS, signal);
        report = await look(id);
      }
      if (!signal.aborted) hub.tell(report);
    } catch (error) {
      if (!signal.aborted) hub.missed(`Docker events: ${errorText(error)}`);
    }
  }

  return {
    at(id, { wantsEnd }) {
      wanted.set(id, { wantsEnd: wantsEnd || wanted.get(id)?.wantsEnd === true });
      if (underWay.has(id)) return;
      underWay.set(
        id,
        work(id).finally(() => underWay.delete(id)),
      );
    },
    async done() {
      await Promise.all(underWay.values());
    },
  };
}
