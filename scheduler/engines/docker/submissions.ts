// Submissions under way in this process. Most end within the call. One that needs its image pulled answers 'pending' and goes
// on by itself; when this process dies during the pull nothing is left of it, and the next leader submits again.
//
//   launching    create and start; the caller waits
//   pulling      the caller has 'pending', notes go to the listener, and then it launches again
//   refused      it ended without a container (no such image, a request that the daemon does not take, stopped while pulling):
//                only this process knows

import { errorText } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptReport, AttemptSpec } from '../port.ts';
import { linkAborts } from './deadline.ts';
import type { Hub } from './hub.ts';
import type { Launched } from './launch.ts';
import type { Pulls } from './pull.ts';
import { notStarted } from './report.ts';

/** Refusals that nobody has let go of. Forgetting one costs a second try of something that cannot start. */
const REFUSALS_MAX = 10_000;

/** An image that is gone again right after its pull: somebody cleans up against us. */
const PULLS_MAX = 3;

/** The one reason by which a cancelled flight is told from one whose outcome is unknown. */
const STOPPED = new Error('stopped before it started');

export interface SubmissionDeps {
  readonly launch: (spec: AttemptSpec, signal: AbortSignal) => Promise<Launched>;
  readonly pulls: Pulls;
  readonly hub: Hub;
  /** For `pull: always`: an attempt that is there already, or was, needs no pull. */
  readonly look: (id: AttemptId) => Promise<AttemptReport>;
  readonly isForgotten: (id: AttemptId) => Promise<boolean>;
  readonly now: () => number;
}

export interface Submissions {
  submit(spec: AttemptSpec, signal: AbortSignal): Promise<AttemptReport>;
  /** What only this process knows of it; null = ask the daemon. */
  known(id: AttemptId): AttemptReport | null;
  /** Ends what is under way before it starts a body, if it still can; resolves when nothing is under way any more. */
  cancel(id: AttemptId): Promise<void>;
  drop(id: AttemptId): void;
  list(): readonly AttemptReport[];
  close(): Promise<void>;
}

interface Flight {
  readonly cancelling: AbortController;
  /** What the caller of `submit` is told. */
  readonly first: Deferred<AttemptReport>;
  readonly over: Deferred<void>;
  /** Set from the first pull on. */
  pending: AttemptReport | null;
}

export function createSubmissions(deps: SubmissionDeps): Submissions {
  return new OpenSubmissions(deps);
}

class OpenSubmissions implements Submissions {
  readonly #deps: SubmissionDeps;
  readonly #flights = new Map<AttemptId, Flight>();
  readonly #refusals = new Map<AttemptId, AttemptReport>();

  constructor(deps: SubmissionDeps) {
    this.#deps = deps;
  }

  async submit(spec: AttemptSpec, signal: AbortSignal): Promise<AttemptReport> {
    signal.throwIfAborted();
    const refusal = this.#refusals.get(spec.id);
    if (refusal !== undefined) return refusal;
    return (this.#flights.get(spec.id) ?? this.#begin(spec, signal)).first.promise;
  }

  known(id: AttemptId): AttemptReport | null {
    return this.#flights.get(id)?.pending ?? this.#refusals.get(id) ?? null;
  }

  async cancel(id: AttemptId): Promise<void> {
    const flight = this.#flights.get(id);
    flight?.cancelling.abort(STOPPED);
    await flight?.over.promise;
  }

  drop(id: AttemptId): void {
    this.#refusals.delete(id);
  }

  list(): readonly AttemptReport[] {
    const pending = [...this.#flights.values()].map((flight) => flight.pending);
    return [...pending, ...this.#refusals.values()].filter((report) => report !== null);
  }

  async close(): Promise<void> {
    const all = [...this.#flights.values()];
    for (const flight of all) flight.cancelling.abort(new DOMException('closed', 'AbortError'));
    await Promise.all(all.map((flight) => flight.over.promise));
  }

  #begin(spec: AttemptSpec, signal: AbortSignal): Flight {
    const flight: Flight = { cancelling: new AbortController(), first: deferred(), over: deferred(), pending: null };
    this.#flights.set(spec.id, flight);
    const unlink = linkAborts([signal], flight.cancelling);
    this.#run(spec, flight).then(
      () => unlink(),
      (error: unknown) => flight.first.reject(error),
    );
    return flight;
  }

  /** Tells the end of a flight, to its caller or, when that one has its 'pending', to the listener. Never rejects. */
  async #run(spec: AttemptSpec, flight: Flight): Promise<void> {
    const { hub } = this.#deps;
    try {
      const report = await this.#fly(spec, flight);
      flight.first.resolve(report);
      hub.tell(report);
    } catch (error) {
      flight.first.reject(error);
      // Whoever was told 'pending' has to look again.
      if (flight.pending !== null) hub.missed(`Docker submission: ${errorText(error)}`);
    } finally {
      this.#flights.delete(spec.id);
      flight.over.resolve();
    }
  }

  /** Everything that happens to one submission, from the first create to the started body. */
  async #fly(spec: AttemptSpec, flight: Flight): Promise<AttemptReport> {
    const { launch, look } = this.#deps;
    const { signal } = flight.cancelling;
    try {
      if (spec.pull === 'always') {
        const report = await look(spec.id);
        if (report.state !== 'unknown' && report.state !== 'pending') return report;
        const failed = await this.#pull(spec, flight);
        if (failed !== null) return failed;
      }
      for (let pulls = 0; ; pulls += 1) {
        const launched = await launch(spec, signal);
        if (launched.kind === 'report') return launched.report;
        if (launched.kind === 'refused') return this.#refuse(spec.id, launched.why);
        if (pulls >= PULLS_MAX) return this.#refuse(spec.id, `image ${spec.image} vanished after its pull`);
        const failed = await this.#pull(spec, flight);
        if (failed !== null) return failed;
      }
    } catch (error) {
      if (error !== STOPPED) throw error;
      return this.#refuse(spec.id, STOPPED.message);
    }
  }

  /** Null = the image is there. */
  async #pull(spec: AttemptSpec, flight: Flight): Promise<AttemptReport | null> {
    const { id, image, registryAuth: auth } = spec;
    const { pulls, isForgotten, hub } = this.#deps;
    const { signal } = flight.cancelling;
    if (await isForgotten(id)) return { id, state: 'unknown' };
    const note = (text: string) => {
      flight.pending = { id, state: 'pending', note: text };
      flight.first.resolve(flight.pending);
      if (!signal.aborted) hub.tell(flight.pending);
    };
    const pulled = await pulls.pull({ image, auth, note, signal });
    return pulled.ok ? null : this.#refuse(id, pulled.why);
  }

  #refuse(id: AttemptId, why: string): AttemptReport {
    const report = notStarted(id, { at: this.#deps.now(), why });
    this.#refusals.set(id, report);
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size <= REFUSALS_MAX) break;
      this.#refusals.delete(oldest);
    }
    return report;
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // A failure after the caller has its answer goes to the listener.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
