// What was opened, and how it ends: in the opposite order, all of it, whatever fails on the way.

import type { InvariantError } from '../../store/model/errors.ts';

export class Opened {
  readonly #closers: (() => Promise<void>)[] = [];

  use(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed');
  }
}

export interface Alarm {
  readonly raise: (error: InvariantError) => void;
  readonly raised: Promise<never>;
}

/** A rejection that can be raised from anywhere, once. */
export function createAlarm(): Alarm {
  let raise: (error: InvariantError) => void = () => undefined;
  const raised = new Promise<never>((_resolve, reject) => (raise = reject));
  // Whoever cares awaits it; nobody has to.
  raised.catch(() => undefined);
  return { raise: (error) => raise(error), raised };
}
