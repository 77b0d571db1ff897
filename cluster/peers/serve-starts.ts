// Makes the runs that other nodes hand over. Why one was not made is for the other node to find out, which tries it itself.

import type { ServerDuplexStream } from '@grpc/grpc-js';
import { errorText, isAppError } from '../../store/model/errors.ts';
import type { PeersLog } from './options.ts';
import type { HandedStart, StartHere, StartsAnswer, StartsRequest } from './run-starts.ts';

interface ServeStartsParts {
  readonly startHere: StartHere;
  readonly log: PeersLog;
}

export function serveStarts({ startHere, log }: ServeStartsParts) {
  const made = async (start: HandedStart) => {
    try {
      return await startHere(start);
    } catch (error) {
      if (!isAppError(error)) log.warn({ why: errorText(error) }, 'peers: a start that was handed over failed');
      return null;
    }
  };
  return (call: ServerDuplexStream<StartsRequest, StartsAnswer>): void => {
    let gone = false;
    call.once('cancelled', () => (gone = true));
    const serve = async ({ number, starts }: StartsRequest) => {
      const runs = await Promise.all(starts.map(made));
      if (!gone) call.write({ number, runs });
    };
    call.on('data', (request: StartsRequest) => {
      serve(request).catch((error: unknown) => call.destroy(error instanceof Error ? error : undefined));
    });
    call.on('end', () => call.end());
    // The other node has gone: whatever it handed over is made all the same, or not.
    call.on('error', () => (gone = true));
  };
}
