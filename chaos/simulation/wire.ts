// The network of the simulated world: every call of a node to the store, the engine, the object store or another node passes
// through here, is delayed, and may be lost on the way there (it never happened) or on the way back (it happened, and nobody knows).
//
// A trap is set on a node's next call of a kind: it springs right before the request leaves, right after, or once the other side
// has done what was asked and before the answer leaves; or it lets just this request arrive late. That is how a crash or a pause
// hits the lines between two effects, and how a write lands that everybody has given up.

import type { Chance } from './random.ts';
import type { Process, Universe } from './universe.ts';

/** What a node talks to. Other nodes are named by `peer:<name>`. */
export type Place = 'store' | 'engine' | 'objects' | `peer:${string}`;

export interface LinkWeather {
  /** Which way nothing passes. */
  cut: 'none' | 'both' | 'requests' | 'answers';
  /** Each message takes up to so much longer. */
  slowMs: number;
  /** Probability that a message is lost, each way. */
  loss: number;
}

export type TrapPhase = 'before' | 'after' | 'answered' | 'under way';

export interface Trap {
  readonly node: string;
  readonly place: Place;
  /** Calls whose name begins with this; '' = any. */
  readonly call: string;
  readonly phase: TrapPhase;
  /** Answers how much longer the request is under way. */
  readonly spring: (process: Process) => number;
}

export interface Request {
  readonly process: Process;
  readonly place: Place;
  /** For traps and for the trace. */
  readonly call: string;
  readonly deadlineMs: number;
}

/** A call without an answer. 'refused': it certainly never arrived; 'silent': it may have. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly kind: 'refused' | 'silent';

  constructor(kind: 'refused' | 'silent', where: string) {
    super(kind === 'refused' ? `${where} refuses connections` : `${where} did not answer in time`);
    this.kind = kind;
  }
}

export interface Wire {
  weather(node: string, place: Place): LinkWeather;
  /** Back to good weather everywhere, and no traps. */
  heal(): void;
  /** Places that refuse connections, for everybody. */
  readonly down: Set<Place>;
  set(trap: Trap): void;
  call<T>(request: Request, serve: () => Promise<T>): Promise<T>;
  /** One message that nobody answers: how long it is on its way; null = it is lost, which its sender cannot know. */
  send(message: { readonly from: string; readonly to: Place; readonly back?: boolean }): number | null;
}

const DELAY_MS = { least: 0.2, most: 1.5 } as const;
/** Now and then a packet is sent again. */
const STRAGGLER = { probability: 0.01, mostMs: 60 } as const;

export function createWire(universe: Universe, network: Chance): Wire {
  return new Network(universe, network);
}

class Network implements Wire {
  readonly down = new Set<Place>();
  readonly #universe: Universe;
  readonly #network: Chance;
  readonly #links = new Map<string, LinkWeather>();
  readonly #traps: Trap[] = [];

  constructor(universe: Universe, network: Chance) {
    this.#universe = universe;
    this.#network = network;
  }

  weather(node: string, place: Place): LinkWeather {
    const name = `${node}>${place}`;
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const fresh: LinkWeather = { cut: 'none', slowMs: 0, loss: 0 };
    this.#links.set(name, fresh);
    return fresh;
  }

  heal(): void {
    this.#links.clear();
    this.#traps.length = 0;
    this.down.clear();
  }

  set(trap: Trap): void {
    this.#traps.push(trap);
  }

  send({ from, to, back = false }: Parameters<Wire['send']>[0]): number | null {
    return this.#passage(from, to, back ? 'answers' : 'requests');
  }

  call<T>(request: Request, serve: () => Promise<T>): Promise<T> {
    const { process, place } = request;
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const finish = (act: () => void) => {
        if (!isOpen) return;
        isOpen = false;
        cancelDeadline();
        act();
      };
      const late = () => finish(() => reject(new LinkError('silent', place)));
      const cancelDeadline = this.#universe.timer(request.deadlineMs, process, late);
      const answer = (act: () => void) => this.#answer(request, () => finish(act));
      const leave = () =>
        this.#leave(request, () => {
          if (this.down.has(place)) return answer(() => reject(new LinkError('refused', place)));
          serve().then(
            (value) => answer(() => resolve(value)),
            (error: unknown) => answer(() => reject(error instanceof Error ? error : new Error(String(error)))),
          );
        });
      this.#spring(request, 'before');
      // Stopped in this very moment: the request leaves when the process goes on, or never.
      if (process.isPaused || !process.isAlive) this.#universe.after(0, process, leave);
      else leave();
    });
  }

  #leave(request: Request, arrive: () => void): void {
    const delayMs = this.#passage(request.process.name, request.place, 'requests');
    if (delayMs !== null) this.#universe.after(delayMs + this.#spring(request, 'under way'), null, arrive);
    this.#spring(request, 'after');
  }

  #answer(request: Request, take: () => void): void {
    const { process, place } = request;
    this.#spring(request, 'answered');
    const delayMs = this.#passage(process.name, place, 'answers');
    if (delayMs !== null) this.#universe.after(delayMs, process, take);
  }

  /** How long one message is on its way; null = it does not arrive. */
  #passage(node: string, place: Place, way: 'requests' | 'answers'): number | null {
    const { cut, slowMs, loss } = this.weather(node, place);
    if (cut === 'both' || cut === way) return null;
    if (loss > 0 && this.#network.happens(loss)) return null;
    const straggles = this.#network.happens(STRAGGLER.probability) ? this.#network.between(0, STRAGGLER.mostMs) : 0;
    const slow = slowMs > 0 ? this.#network.between(0, slowMs) : 0;
    return this.#network.between(DELAY_MS.least, DELAY_MS.most) + straggles + slow;
  }

  #spring({ process, place, call }: Request, phase: TrapPhase): number {
    if (this.#traps.length === 0) return 0;
    const index = this.#traps.findIndex(
      (trap) =>
        trap.phase === phase && trap.node === process.name && trap.place === place && call.startsWith(trap.call),
    );
    return index < 0 ? 0 : (this.#traps.splice(index, 1)[0]?.spring(process) ?? 0);
  }
}
