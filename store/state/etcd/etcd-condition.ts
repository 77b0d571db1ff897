// What calls found out about the store on their way: how far it is, whether it takes writes, how long they take, and whether it went
// back behind what it had acknowledged. Read by the health of the store and by those that send.

import { AppError } from '../../model/errors.ts';

/** Writes that count for the median. */
const WRITES_KEPT = 64;
/** One that was slow says nothing of the store. */
const WRITES_MIN = 5;
/** Older ones say nothing about now. */
const WRITE_AGE_MS = 30_000;

export class EtcdCondition {
  /** Highest revision that an answer carried: nothing that is asked from now on may answer with less. */
  revision = 0;
  /** Its alarm is on: puts are refused, deletes are taken. */
  isFull = false;
  /** Set once and for ever: the store is not the one any more that this process knows. */
  lost: AppError | null = null;
  readonly #writes: { readonly at: number; readonly ms: number }[] = [];

  saw(revision: number): void {
    if (revision > this.revision) this.revision = revision;
  }

  wrote(ms: number): void {
    this.#writes.push({ at: performance.now(), ms });
    if (this.#writes.length > WRITES_KEPT) this.#writes.shift();
  }

  /** Median of the last writes in milliseconds; 0 = there were too few lately to tell. */
  writeMs(): number {
    const since = performance.now() - WRITE_AGE_MS;
    const times = this.#writes.filter(({ at }) => at >= since).map(({ ms }) => ms);
    if (times.length < WRITES_MIN) return 0;
    times.sort((left, right) => left - right);
    return times[Math.floor(times.length / 2)] ?? 0;
  }

  wentBack(found: number): AppError {
    this.lost ??= new AppError('unavailable', 'The state store lost acknowledged data.', {
      detail:
        `etcd answers with revision ${found}, after it had acknowledged ${this.revision}: it was restored from an older backup. ` +
        'What was written since that backup is gone. Stop all nodes, look at what the engines still run, then start the nodes again',
      outcome: 'not_applied',
    });
    return this.lost;
  }
}
