// A run as it changes: a snapshot whenever something happened to it, the last one when it is complete. The server's state decides, events
// only say when to look again; so nothing is missed whatever becomes of a connection.

import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../../../sdk/client/client.ts';
import type { Patience } from '../../../sdk/client/patience.ts';
import type { OfRun, Run, TaskExecution } from '../../../sdk/client/types.ts';

export interface RunSnapshot {
  readonly run: Run;
  readonly executions: readonly TaskExecution[];
}

/** Without events. A person does not see less. */
const LOOK_EVERY_MS = 500;
/** With events: the stream of a server that is away says nothing, and whoever waits wants to know. */
const LOOK_ANYWAY_MS = 2_000;
/** Many events come at once; one look answers all of them. */
const LOOK_PAUSE_MS = 50;
/** Looks at a run of 10,000 tasks take their time: the server has this many times as long for other work. */
const LOOK_REST_FACTOR = 4;
/** Before the events of a server that broke off are asked for again. */
const EVENTS_AGAIN_MS = 1_000;

interface RunWatcher {
  readonly client: Client;
  readonly patience: Patience;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** The server has answered for this run before. Until it has, no failure is borne: it may be the wrong server. */
  readonly isKnown: boolean;
}

export async function* watchRun(watcher: RunWatcher, place: OfRun): AsyncGenerator<RunSnapshot> {
  const { client, now } = watcher;
  const enough = new AbortController();
  const signal = AbortSignal.any([watcher.signal, enough.signal]);
  const bell = createBell();
  let listening: Promise<void> | null = null;
  let { isKnown } = watcher;
  try {
    for (;;) {
      const begun = now();
      const snapshot = await lookOnce({ ...watcher, isKnown }, place);
      if (snapshot === null) continue;
      isKnown = true;
      yield snapshot;
      if (snapshot.run.state === 'complete') return;
      listening ??= listen({ client, bell, signal }, snapshot.run);
      await pause(Math.max(LOOK_PAUSE_MS, (now() - begun) * LOOK_REST_FACTOR), undefined, { signal });
      await bell.rung(signal);
    }
  } finally {
    enough.abort();
    await listening;
  }
}

/** Null after a failure that may pass, and a pause. */
async function lookOnce({ client, patience, isKnown }: RunWatcher, place: OfRun): Promise<RunSnapshot | null> {
  try {
    const snapshot = await look(client, place);
    patience.renew();
    return snapshot;
  } catch (error) {
    if (!isKnown) throw error;
    await patience.bear(error);
    return null;
  }
}

/** The run first: when that is complete, its tasks are as they will stay. */
async function look(client: Client, place: OfRun): Promise<RunSnapshot> {
  const { run } = await client.getRun(place);
  const { task_executions: executions } = await client.listTaskExecutions(place);
  return { run, executions };
}

interface Listener {
  readonly client: Client;
  readonly bell: Bell;
  readonly signal: AbortSignal;
}

/** Never throws: without events, the run is looked at more often. */
async function listen({ client, bell, signal }: Listener, run: Run): Promise<void> {
  let after = run.event_id ?? null;
  while (after !== null && !signal.aborted) {
    const place = { namespaceId: run.namespace_id, pipelineId: run.pipeline_id, runId: run.run_id };
    try {
      for await (const event of client.streamEvents({ ...place, after, signal })) {
        after = event.id;
        bell.ring();
        bell.hasRinger(true);
      }
      return;
    } catch {
      bell.hasRinger(false);
      bell.ring();
      await pause(EVENTS_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface Bell {
  readonly ring: () => void;
  readonly hasRinger: (has: boolean) => void;
  /** Resolves after the next ring, or at once when it has rung since the last time; and after a while without any. */
  readonly rung: (signal: AbortSignal) => Promise<void>;
}

function createBell(): Bell {
  let hasRung = false;
  let hasRinger = false;
  let wake: () => void = () => undefined;
  return {
    ring() {
      hasRung = true;
      wake();
    },
    hasRinger(has) {
      hasRinger = has;
    },
    async rung(signal) {
      if (!hasRung) {
        const done = new AbortController();
        const either = AbortSignal.any([signal, done.signal]);
        const ring = new Promise<void>((resolve) => (wake = resolve));
        const timeout = pause(hasRinger ? LOOK_ANYWAY_MS : LOOK_EVERY_MS, undefined, { signal: either });
        await Promise.race([ring, timeout.catch(() => undefined)]);
        done.abort();
      }
      hasRung = false;
      signal.throwIfAborted();
    },
  };
}
