// Hands starts of runs to the node that leads. One stream to it is kept, since a start is what a client waits for: a call
// of its own takes gRPC 3 ms on a quiet machine. Whatever goes wrong
// on the way, the answer is "not made there, as far as is known": starts carry keys, so whoever handed them over does them itself.

import type { Client, Metadata } from '@grpc/grpc-js';
import { errorText } from '../../store/model/errors.ts';
import type { Dialer } from './dialer.ts';
import type { PeersLog } from './options.ts';
import { peerMethods } from './peer-codec.ts';
import type { HandedStart, LeaderSeen, LeaderStarts, StartsAnswer } from './run-starts.ts';
import type { PeerTimings } from './timings.ts';

interface RemoteStartsParts {
  /** Null = nobody else leads. */
  readonly leader: () => LeaderSeen | null;
  readonly dialer: Dialer;
  readonly timings: PeerTimings;
  readonly log: PeersLog;
}

export function createRemoteStarts({ leader, dialer, timings, log }: RemoteStartsParts): LeaderStarts {
  let line: StartsLine | null = null;
  let shunned: { readonly nodeId: string; readonly until: number } | null = null;

  function atHand(): LeaderSeen | null {
    const seen = leader();
    // One that misses its pulses may be frozen or cut off: nobody should wait for it.
    if (seen === null || seen.address === '' || seen.silentMs > timings.pulseMs * PULSES_LATE) return null;
    if (shunned?.nodeId === seen.nodeId && performance.now() < shunned.until) return null;
    return seen;
  }

  function lineTo({ nodeId, address }: LeaderSeen): StartsLine {
    if (line?.nodeId === nodeId && line.isOpen()) return line;
    line?.hangUp();
    line = openLine({ nodeId, client: dialer.open(address), metadata: dialer.metadata(), startMs: timings.startMs });
    return line;
  }

  return {
    isOpen: () => atHand() !== null,
    start: async (starts) => {
      const seen = atHand();
      if (seen === null) return starts.map(() => null);
      try {
        const runs = await lineTo(seen).ask(starts);
        if (runs.length !== starts.length) throw new Error('an answer to other starts');
        return runs;
      } catch (error) {
        log.info({ why: errorText(error) }, 'peers: the leader did not take starts of runs; they are made here');
        shunned = { nodeId: seen.nodeId, until: performance.now() + timings.startAgainMs };
        return starts.map(() => null);
      }
    },
    close: () => line?.hangUp(),
  };
}

/** A pulse may be late on a busy machine. */
const PULSES_LATE = 3;

interface StartsLine {
  readonly nodeId: string;
  isOpen(): boolean;
  ask(starts: readonly HandedStart[]): Promise<StartsAnswer['runs']>;
  hangUp(): void;
}

interface LineOptions {
  readonly nodeId: string;
  readonly client: Client;
  readonly metadata: Metadata;
  readonly startMs: number;
}

interface Question {
  readonly answer: (runs: StartsAnswer['runs']) => void;
  readonly fail: (error: Error) => void;
}

function openLine({ nodeId, client, metadata, startMs }: LineOptions): StartsLine {
  const { path, requestSerialize, responseDeserialize } = peerMethods.startRuns;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const questions = new Map<number, Question>();
  let asked = 0;
  let isOpen = true;

  function close(error: Error): void {
    if (!isOpen) return;
    isOpen = false;
    for (const { fail } of questions.values()) fail(error);
    call.cancel();
    client.close();
  }

  call.on('data', ({ number, runs }: StartsAnswer) => questions.get(number)?.answer(runs));
  call.on('error', (error: Error) => close(error));
  call.on('end', () => close(new Error('the leader ended it')));
  return {
    nodeId,
    isOpen: () => isOpen,
    ask: (starts) =>
      new Promise((resolve, reject) => {
        const number = (asked += 1);
        const done = () => {
          clearTimeout(timer);
          questions.delete(number);
        };
        // One that is not answered in time says that the line is no good: a frozen leader answers nobody.
        const timer = setTimeout(() => close(new Error(`no answer within ${startMs} ms`)), startMs);
        questions.set(number, {
          answer: (runs) => {
            done();
            resolve(runs);
          },
          fail: (error) => {
            done();
            reject(error);
          },
        });
        call.write({ number, starts });
      }),
    hangUp: () => close(new Error('it is no longer wanted')),
  };
}
