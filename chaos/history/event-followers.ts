// A reader of the event stream that stays for the whole run, through the load balancer: it goes on after broken streams where it was, as
// users' programs do, and what it was told must have neither gap nor double.

import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../../sdk/client/client.ts';
import type { Event } from '../../sdk/client/types.ts';
import type { EventSeen } from '../checks/evidence.ts';

export interface EventFollower extends AsyncDisposable {
  readonly reader: string;
  readonly events: readonly EventSeen[];
  /** How often a stream ended that should have gone on. */
  breaks(): number;
}

const AGAIN_MS = 200;

export function followEvents({ url, reader }: { readonly url: string; readonly reader: string }): EventFollower {
  const over = new AbortController();
  const events: EventSeen[] = [];
  let breaks = 0;

  async function follow(): Promise<void> {
    const client = createClient({ baseUrl: url, token: '' });
    while (!over.signal.aborted) {
      const after = events.at(-1)?.id;
      try {
        const options = after === undefined ? {} : { after };
        for await (const event of client.streamEvents({ history: true, ...options, signal: over.signal })) {
          events.push(eventSeen(event));
        }
      } catch {
        // Broken: the next stream begins after the last event that came.
      }
      if (over.signal.aborted) return;
      breaks += 1;
      await pause(AGAIN_MS);
    }
  }

  const following = follow();
  return {
    reader,
    events,
    breaks: () => breaks,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await following;
    },
  };
}

/** The parts of an event that checks look at. */
export function eventSeen({ id, kind }: Event): EventSeen {
  const [name = '', details = {}] = Object.entries(kind)[0] ?? [];
  return {
    id,
    kind: name,
    pipeline: String(details['pipeline_id'] ?? ''),
    runId: Number(details['run_id'] ?? 0),
    task: String(details['task_execution_id'] ?? ''),
    status: String(details['status'] ?? ''),
  };
}
