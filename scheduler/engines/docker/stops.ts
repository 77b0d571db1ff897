// Ending bodies. The daemon itself keeps the grace (`POST stop`), so it also runs out when this process has died; a killed caller
// does not take the stop back. The image's own stop signal is honoured, which is SIGTERM unless it says otherwise.

import { errorText } from '../../../store/model/errors.ts';
import type { Call, DockerClient } from './client.ts';
import { refused, segment } from './client.ts';
import type { SentSignal } from './report.ts';

/** Containers whose signals are remembered: those that were stopped and not forgotten yet. */
const REMEMBERED_MAX = 10_000;

/** Beyond the grace, for the kill and the container's end. */
const STOP_SLACK_MS = 60_000;

/** By then the daemon has taken the order, or has failed. Waiting for the end of the body is not this call's business. */
const ORDER_MS = 250;

export interface Stops {
  stop(containerId: string, graceMs: number): Promise<void>;
  /** Docker cannot tell a kill from an exit with the same code, so we remember what we sent. */
  sentSignals(containerId: string): ReadonlySet<SentSignal>;
  drop(containerId: string): void;
  /** When the client is closed: that nothing runs on. */
  done(): Promise<void>;
}

export function createStops(client: DockerClient): Stops {
  const sent = new Map<string, Set<SentSignal>>();
  const underWay = new Set<Promise<unknown>>();

  function remember(containerId: string, ...signals: readonly SentSignal[]): void {
    const known = sent.get(containerId) ?? new Set();
    for (const signal of signals) known.add(signal);
    sent.delete(containerId);
    sent.set(containerId, known);
    for (const oldest of sent.keys()) {
      if (sent.size <= REMEMBERED_MAX) break;
      sent.delete(oldest);
    }
  }

  return {
    async stop(containerId, graceMs) {
      const path = `/containers/${segment(containerId)}`;
      if (graceMs <= 0) {
        remember(containerId, 'SIGKILL');
        const kill: Call = { method: 'POST', path: `${path}/kill`, query: { signal: 'SIGKILL' }, repeatable: true };
        // 404: removed, 409: it does not run any more.
        await client.expect(kill, [204, 404, 409]);
        return;
      }
      remember(containerId, 'SIGTERM', 'SIGKILL');
      const query = { t: String(Math.ceil(graceMs / 1_000)) };
      const deadlineMs = graceMs + STOP_SLACK_MS;
      const order = sendStop(client, { method: 'POST', path: `${path}/stop`, query, deadlineMs });
      const tracked = order.catch((error: unknown) => errorText(error)).finally(() => underWay.delete(tracked));
      underWay.add(tracked);
      await Promise.race([order, new Promise((resolve) => setTimeout(resolve, ORDER_MS).unref())]);
    },
    sentSignals: (containerId) => sent.get(containerId) ?? NONE,
    drop: (containerId) => void sent.delete(containerId),
    async done() {
      await Promise.all(underWay);
    },
  };
}

const NONE: ReadonlySet<SentSignal> = new Set();

/** The answer comes only when the body has ended, so this must not take one of the few connections for short calls. */
async function sendStop(client: DockerClient, call: Call): Promise<void> {
  const answer = await client.stream(call);
  answer.close();
  if (![204, 304, 404].includes(answer.status)) throw refused(call, { status: answer.status, body: null });
}
