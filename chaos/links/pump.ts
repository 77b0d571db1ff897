// One direction of one connection: takes chunks from one socket and gives them to the other, in order, when the rule of the moment
// allows it. Memory is bounded: while too much is held, the sender is not read from, and TCP makes it wait.

import type { Socket } from 'node:net';
import { isHeld } from './link-rules.ts';
import type { Direction, LinkRule } from './link-rules.ts';

/** More than a gRPC window, less than what a swarm of held connections could not afford. */
const HELD_BYTES_MAX = 1_048_576;

export interface PumpCounters {
  bytes: number;
  /** Bytes that had to wait: the proof that a rule had an effect. */
  held: number;
  stalls: number;
  cuts: number;
}

export interface PumpOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly direction: Direction;
  readonly rule: () => LinkRule;
  readonly counters: PumpCounters;
  readonly random: () => number;
  /** Breaks the connection, both ways. */
  readonly cut: () => void;
  readonly onChunk?: ((chunk: Buffer) => void) | undefined;
}

export interface Pump {
  /** The rule has changed, or `to` has connected: looks at what is held again. */
  kick(): void;
}

/** The sender's end of stream, and its end without one. */
type Ending = 'end' | 'reset';

interface Held {
  readonly chunk: Buffer | Ending;
  /** Not before this moment; null = no moment was set, since the link held everything. */
  due: number | null;
}

export function createPump(options: PumpOptions): Pump {
  const { from, to, direction, rule, counters } = options;
  const queue: Held[] = [];
  let heldBytes = 0;
  const dueOf = createTimetable(options);
  let timer: NodeJS.Timeout | null = null;

  function take(chunk: Buffer | Ending): void {
    const now = performance.now();
    if (typeof chunk !== 'string') options.onChunk?.(chunk);
    const due = isHeld(rule(), direction) ? null : dueOf(chunk, now);
    if (due === 'cut') return options.cut();
    if (queue.length === 0 && due !== null && due <= now && !to.pending) return deliver(chunk);
    queue.push({ chunk, due });
    heldBytes += bytesOf(chunk);
    counters.held += bytesOf(chunk);
    if (heldBytes > HELD_BYTES_MAX) from.pause();
    kick();
  }

  function kick(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (to.pending) return;
    for (let [next] = queue; next !== undefined; [next] = queue) {
      if (isHeld(rule(), direction)) return;
      const now = performance.now();
      // What a partition held back arrives at once when it ends; what was slow stays slow only while the rule says so.
      if (rule().kind === 'pass') next.due = now;
      next.due ??= now;
      if (next.due > now) {
        timer = setTimeout(kick, next.due - now);
        return;
      }
      queue.shift();
      heldBytes -= bytesOf(next.chunk);
      deliver(next.chunk);
    }
    if (from.isPaused() && !to.writableNeedDrain) from.resume();
  }

  function deliver(chunk: Buffer | Ending): void {
    if (to.destroyed) return;
    if (chunk === 'end') return void to.end();
    if (chunk === 'reset') return breakOff(to);
    counters.bytes += chunk.length;
    if (!to.write(chunk)) from.pause();
  }

  from.on('data', take);
  from.on('end', () => take('end'));
  from.on('close', (hadError: boolean) => {
    // Who is not there any more will not try to connect again either.
    if (to.pending && !to.connecting) to.destroy();
    else if (hadError || !from.readableEnded) take('reset');
  });
  to.on('close', () => {
    if (timer !== null) clearTimeout(timer);
    queue.length = 0;
  });
  to.on('drain', () => {
    if (heldBytes <= HELD_BYTES_MAX) from.resume();
  });
  return { kick };
}

/** When each chunk is due. They stay in order, so a chunk is never due before the one ahead of it. */
function createTimetable(options: Pick<PumpOptions, 'rule' | 'counters' | 'random'>) {
  const { rule, counters, random } = options;
  let lastDue = 0;
  return (chunk: Buffer | Ending, now: number): number | 'cut' => {
    const current = rule();
    if (current.kind === 'lossy') {
      if (random() < current.cutChance) return 'cut';
      const isStalled = random() < current.stallChance;
      if (isStalled) counters.stalls += 1;
      lastDue = Math.max(lastDue, isStalled ? now + current.stallMs * (1 + 2 * random()) : now);
    } else if (current.kind === 'slow') {
      const sendMs = current.bytesPerSecond === null ? 0 : (bytesOf(chunk) * 1_000) / current.bytesPerSecond;
      lastDue = Math.max(lastDue + sendMs, now + sendMs + current.delayMs + current.jitterMs * random());
    } else {
      lastDue = Math.max(lastDue, now);
    }
    return lastDue;
  };
}

function bytesOf(chunk: Buffer | Ending): number {
  return typeof chunk === 'string' ? 0 : chunk.length;
}

/** As if the other process were gone: a reset where there is such a thing, which Unix sockets have not. */
export function breakOff(socket: Socket): void {
  if (socket.remoteFamily === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
