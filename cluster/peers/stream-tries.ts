// Which node is asked next for a task's streams, and for how long it goes on when none answers.

import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@grpc/grpc-js';
import { AppError } from '../../store/model/errors.ts';
import { refusedBy, statusOf } from './call-errors.ts';
import type { EngineHolder, RemoteTasksOptions } from './options.ts';

/** Between two members that fail. */
const TRY_PAUSE_MS = 50;

export interface StreamTries {
  /** 'own' = this node's engine is the right one. Throws when there is none at the moment, which `bear` bears. */
  next(): EngineHolder | 'own';
  /** Waits before the next try; throws what the caller should see when another try would not help. */
  bear(error: unknown): Promise<void>;
  /** It worked. */
  renew(): void;
}

export interface TriesParts extends RemoteTasksOptions {
  readonly own: { readonly identity: string };
  readonly nodeId: string;
  readonly takeOverMs: number;
  readonly signal: AbortSignal;
}

/** No node is there, or it did not answer: that passes. */
class NoConnection extends Error {}

export function createTries(parts: TriesParts): StreamTries {
  const { own, nodeId, takeOverMs, signal } = parts;
  // Readers of one log begin at different nodes.
  let turn = Math.floor(Math.random() * parts.members().length);
  let since = performance.now();
  return {
    next() {
      const wanted = parts.engine() ?? own.identity;
      if (wanted === own.identity) return 'own';
      const holders = parts
        .members()
        .filter((member) => member.engineIdentity === wanted && member.nodeId !== nodeId && member.address !== '');
      turn += 1;
      const holder = holders[turn % holders.length];
      if (holder === undefined) throw new NoConnection('no member reaches the engine');
      return holder;
    },
    async bear(error) {
      const said = refusedBy(error);
      if (said !== null && said.code !== 'unavailable') throw said;
      if (said === null && statusOf(error) === null && !(error instanceof NoConnection)) throw error;
      if (performance.now() - since >= takeOverMs) {
        throw new AppError('unavailable', 'No node that reaches the engine of this task answers.', { cause: error });
      }
      await pause(TRY_PAUSE_MS, undefined, { signal });
    },
    renew() {
      since = performance.now();
    },
  };
}

/** The connection stands within the time, or it is as if nobody were there. */
export async function connected(client: Client, withinMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new NoConnection('no connection in time')), withinMs);
    // Without gRPC's deadline, which is a time of the wall clock: that may be set.
    client.waitForReady(Infinity, (error) => {
      clearTimeout(timer);
      if (error === undefined) resolve();
      else reject(new NoConnection(error.message));
    });
  });
}
