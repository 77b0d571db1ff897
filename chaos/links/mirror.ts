// Whether anybody listens at the far end of a link. The port of a process that has died refuses connections, and a link in front of it
// must do the same: who is accepted and then broken off is told something else.

import { connect } from 'node:net';
import type { Target } from './connection.ts';

/** How soon a process that was started again is reached through the link. */
const LOOK_MS = 20;
/** A frozen process is there: the system accepts for it, or lets the caller wait. */
const ASK_LIMIT_MS = 500;

export interface Mirror {
  /** The far end may have gone: asks, and goes on asking until somebody listens again. */
  look(): void;
  isGone(): boolean;
  stop(): void;
}

export function createMirror(target: Target, onChange: () => Promise<void>): Mirror {
  let isGone = false;
  let isAsking = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function ask(): Promise<void> {
    isAsking = true;
    const refused = await isRefused(target);
    isAsking = false;
    if (isStopped) return;
    if (refused) timer = setTimeout(look, LOOK_MS);
    if (refused === isGone) return;
    isGone = refused;
    await onChange();
  }

  function look(): void {
    if (isAsking || isStopped) return;
    // A port that cannot be had again ends the test: nothing would come through this link any more.
    ask().catch((error: unknown) =>
      setImmediate(() => {
        throw error;
      }),
    );
  }

  return {
    look: () => {
      if (!isGone) look();
    },
    isGone: () => isGone,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

function isRefused(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const end = (refused: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(refused);
    };
    const timer = setTimeout(() => end(false), ASK_LIMIT_MS);
    socket.once('connect', () => end(false));
    // A Unix socket whose process died is refused too, and one that was removed is not there.
    socket.once('error', (error) => end('code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')));
  });
}
