// Listens to one peer: opens its stream of pulses, and opens it again after a break, for as long as it is wanted.
//
//   opening  no pulse on this connection yet. A failure or too long a silence leads to `broken`.
//   hearing  pulses come. The end of the stream, an error, or too long a silence leads to `broken`.
//   broken   nothing is connected; after a pause that grows with each failure it is `opening` again.

import type { Client, ClientReadableStream } from '@grpc/grpc-js';
import { errorText } from '../../store/model/errors.ts';
import type { AwakeClock } from './awake-clock.ts';
import type { Dialer } from './dialer.ts';
import type { PeersLog } from './options.ts';
import { peerMethods } from './peer-codec.ts';
import type { Heard, PeerTarget, Pulse } from './port.ts';
import type { PeerTimings } from './timings.ts';

export interface HearingParts {
  readonly dialer: Dialer;
  readonly clock: AwakeClock;
  readonly timings: PeerTimings;
  readonly onNews: () => void;
  readonly log: PeersLog;
}

export interface HeardPeer {
  heard(): Heard;
  close(): void;
}

/** Pulses of the leader that others miss, by so many of its intervals, are news at once. */
const MISSED_PULSES = 2;
/** Pauses differ by up to this part, so that nodes do not come back in step. */
const JITTER = 0.25;

export function hearPeer(parts: HearingParts, target: PeerTarget): HeardPeer {
  const { dialer, clock, timings, onNews, log } = parts;
  let pulse: Pulse | null = null;
  let heardAt = clock.now();
  let broken = false;
  let failures = 0;
  let client: Client | null = null;
  let stream: ClientReadableStream<Pulse> | null = null;
  let again: NodeJS.Timeout | undefined;
  let closed = false;
  const watchdog = createWatchdog(clock, timings.streamSilentMs, lost);

  function hangUp(): void {
    watchdog.stop();
    stream?.removeAllListeners('data').cancel();
    stream = null;
    client?.close();
    client = null;
  }

  function lost(why: string): void {
    if (closed) return;
    hangUp();
    if (!broken) log.warn({ peer: target.name, address: target.address, why }, 'peers: stream broke');
    broken = true;
    again = setTimeout(open, pauseAfter(failures, timings));
    failures += 1;
    onNews();
  }

  function take(next: Pulse): void {
    if (next.nodeId !== target.nodeId) return lost(`node ${next.nodeId} listens there`);
    if (broken) log.info({ peer: target.name, address: target.address }, 'peers: heard again');
    const isNew = broken || pulse === null || saysNews(pulse, next, timings.pulseMs * MISSED_PULSES);
    [broken, failures, pulse, heardAt] = [false, 0, next, clock.now()];
    watchdog.start();
    if (isNew) onNews();
  }

  function open(): void {
    try {
      client = dialer.open(target.address);
    } catch (error) {
      return lost(errorText(error));
    }
    const { path, requestSerialize, responseDeserialize } = peerMethods.follow;
    const opened = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, dialer.metadata());
    stream = opened;
    watchdog.start();
    // What an abandoned stream still says is no news.
    opened.on('data', (next: Pulse) => stream === opened && take(next));
    opened.on('error', (error) => stream === opened && lost(errorText(error)));
    opened.on('end', () => stream === opened && lost('the peer ended it'));
  }

  open();
  return {
    heard: () => ({ target, pulse, silentMs: clock.now() - heardAt, broken }),
    close() {
      closed = true;
      clearTimeout(again);
      hangUp();
    },
  };
}

/** A process that was frozen itself has not waited so long, and listens on. */
function createWatchdog(clock: AwakeClock, silentMs: number, onSilent: (why: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  const wait = (since: number) => {
    const leftMs = since + silentMs - clock.now();
    clearTimeout(timer);
    if (leftMs <= 0) onSilent(`nothing heard for ${silentMs} ms`);
    else timer = setTimeout(() => wait(since), leftMs);
  };
  return { start: () => wait(clock.now()), stop: () => clearTimeout(timer) };
}

function pauseAfter(failures: number, { againFirstMs, againMaxMs }: PeerTimings): number {
  return Math.min(againMaxMs, againFirstMs * 2 ** failures) * (1 - JITTER * Math.random());
}

function saysNews(before: Pulse, next: Pulse, missedMs: number): boolean {
  const silent = (next.leader?.silentMs ?? 0) >= missedMs || next.storeSilentMs >= missedMs;
  return silent || next.term !== before.term || next.leader?.nodeId !== before.leader?.nodeId;
}
