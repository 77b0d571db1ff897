// One watch on a stream of its own. The place to go on from is kept here, by the events that were delivered: a stream that breaks,
// also in the middle of catching up, is opened again right behind them, at another member if need be.

import type { IWatchRequest, IWatchResponse } from 'etcd3';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError, errorText } from '../../model/errors.ts';

import { CompactedError } from '../port.ts';
import type { KeyRange, WatchBatch, WatchEvent } from '../port.ts';
import type { EtcdCodec } from './etcd-codec.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';
import { toStoreError } from './etcd-errors.ts';
import type { EtcdMember } from './etcd-member.ts';

/** Answers that wait for the reader; then the stream is paused. */
const WAITING_MAX = 256;
/** Before a broken stream is opened again, doubled each time. */
const REOPEN_FIRST_MS = 20;
const REOPEN_MAX_MS = 1_000;
/** A member that does not even confirm the watch is left for another one. */
const CONFIRM_MS = 2_000;
/** As for all tries of a read: who asks must not wait for an etcd that is not there. Later breaks are waited out. */
const PLACE_MS = 5_000;

/** A fresh token at each member, and still refused: it is meant. */
const DENIALS_MAX = 4;

interface WatchStream {
  on(event: 'data', listener: (answer: IWatchResponse) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  write(request: IWatchRequest): unknown;
  cancel(): void;
  pause?(): unknown;
  resume?(): unknown;
}

export interface EtcdWatchOptions {
  readonly endpoints: EtcdEndpoints;
  readonly codec: EtcdCodec;
  readonly range: KeyRange;
  /** First revision wanted; null = from the store's next one on. */
  readonly fromRevision: number | null;
  readonly signal: AbortSignal;
  /** Told how to end the watch, for when the store is closed; answers with what to call once it is over. */
  readonly register: (end: () => void) => () => void;
}

type Item = { readonly batch: WatchBatch } | { readonly error: Error } | { readonly done: true };

/** Resolves once the watch is in place; throws 'unavailable' when no member would place it in time. */
export async function openEtcdWatch(options: EtcdWatchOptions): Promise<AsyncIterable<WatchBatch>> {
  const watch = new EtcdWatch(options);
  await watch.placed;
  return watch.batches();
}

class EtcdWatch {
  readonly #options: EtcdWatchOptions;
  readonly #items: Item[] = [];
  #next: number | null;
  #stream: WatchStream | null = null;
  #wake: () => void = () => undefined;
  #isOver = false;
  #failures = 0;
  #confirm: () => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  #lastFault: unknown = null;
  readonly #unregister: () => void;
  readonly placed: Promise<void>;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    this.#next = options.fromRevision;
    this.placed = new Promise((resolve, reject) => {
      [this.#confirm, this.#refuse] = [resolve, reject];
    });
    const late = setTimeout(() => this.#finish({ error: toStoreError(this.#lastFault, { write: false }) }), PLACE_MS);
    this.placed.then(() => clearTimeout(late)).catch(() => clearTimeout(late));
    this.#unregister = options.register(this.#end);
    options.signal.addEventListener('abort', this.#end, { once: true });
    if (options.signal.aborted) this.#end();
    else this.#start();
  }

  async *batches(): AsyncGenerator<WatchBatch> {
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item === undefined) {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          continue;
        }
        if (this.#items.length === WAITING_MAX / 2) this.#stream?.resume?.();
        if ('done' in item) return;
        if ('error' in item) throw item.error;
        yield item.batch;
      }
    } finally {
      this.#end();
    }
  }

  readonly #end = (): void => {
    this.#finish({ done: true });
  };

  #finish(last: Item): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unregister();
    this.#options.signal.removeEventListener('abort', this.#end);
    this.#stream?.cancel();
    this.#stream = null;
    this.#push(last);
    // Whichever comes first counts: a watch that was in place ends where it is read.
    if ('error' in last) this.#refuse(last.error);
    else this.#confirm();
  }

  #push(item: Item): void {
    this.#items.push(item);
    if (this.#items.length >= WAITING_MAX) this.#stream?.pause?.();
    this.#wake();
  }

  /** Opens the stream, after a pause when it broke. */
  #start(error?: unknown): void {
    const paused = error === undefined ? Promise.resolve() : this.#pauseAfter(error);
    paused
      .then(() => this.#open())
      .catch((fault: unknown) => this.#finish({ error: fault instanceof Error ? fault : new Error(String(fault)) }));
  }

  async #open(): Promise<void> {
    while (!this.#isOver) {
      const { endpoints } = this.#options;
      if (endpoints.isClosed) return this.#finish({ error: closed() });
      try {
        const member = await endpoints.streamMember();
        const stream: WatchStream = await member.client.watchClient.watch();
        if (this.#isOver) return stream.cancel();
        this.#listen(stream, member);
        return;
      } catch (error) {
        await this.#pauseAfter(error);
      }
    }
  }

  #listen(stream: WatchStream, member: EtcdMember): void {
    const { codec, range, endpoints } = this.#options;
    this.#stream = stream;
    const { token } = member;
    let isBroken = false;
    const broken = (error: unknown) => {
      if (isBroken || this.#isOver) return;
      isBroken = true;
      clearTimeout(timer);
      member.failures += 1;
      // A token that is over is told here only, some versions call it a lack of permission.
      if (isDenial(error)) member.forgetToken(token);
      this.#stream = null;
      stream.cancel();
      this.#start(error);
    };
    const timer = setTimeout(() => broken(new Error('the watch was not confirmed')), CONFIRM_MS);
    stream.on('error', broken);
    stream.on('end', () => broken(new Error('the stream ended')));
    stream.on('data', (answer) => {
      if (isBroken || this.#isOver) return;
      if (answer.created && !answer.canceled) {
        clearTimeout(timer);
        member.failures = 0;
        this.#failures = 0;
        // A store that went back would keep this watch in silence until it is as far again.
        endpoints.suspect(member, Number(answer.header.revision)).catch(broken);
      }
      try {
        member.check(answer.header);
        this.#take(answer, broken);
      } catch (error) {
        broken(error);
      }
    });
    const start = this.#next === null ? {} : { start_revision: String(this.#next) };
    stream.write({ create_request: { ...codec.range(range), ...start } });
  }

  #take(answer: IWatchResponse, broken: (error: unknown) => void): void {
    if (answer.canceled) {
      const compacted = Number(answer.compact_revision);
      if (compacted > 0) return this.#finish({ error: new CompactedError(compacted) });
      // Such as a member that has no permission for it any more, or that is shutting down.
      return broken(new Error(answer.cancel_reason === '' ? 'the watch was cancelled' : answer.cancel_reason));
    }
    const { codec } = this.#options;
    if (answer.created) {
      this.#next ??= Number(answer.header.revision) + 1;
      this.#confirm();
    }
    const next = this.#next ?? 0;
    const events = answer.events
      .filter(({ kv }) => Number(kv.mod_revision) >= next)
      .map((event): WatchEvent => {
        const { kv } = event;
        // The library gives the name, the wire the number.
        const isDelete = String(event.type) === 'Delete' || String(event.type) === '1';
        return isDelete
          ? { type: 'delete', key: codec.keyOf(kv), modRevision: Number(kv.mod_revision) }
          : { type: 'put', kv: codec.keyValue(kv) };
      });
    const last = answer.events.at(-1);
    if (last === undefined || events.length === 0) return;
    const revision = Number(last.kv.mod_revision);
    this.#next = revision + 1;
    this.#push({ batch: { events, revision } });
  }

  async #pauseAfter(error: unknown): Promise<void> {
    this.#failures += 1;
    this.#lastFault = error;
    const lost = this.#options.endpoints.lost;
    if (lost !== null) return this.#finish({ error: lost });
    if (isDenial(error) && this.#failures >= DENIALS_MAX) return this.#finish({ error: denied(error) });
    const ms = Math.min(REOPEN_FIRST_MS * 2 ** Math.min(this.#failures - 1, 10), REOPEN_MAX_MS);
    await pause(ms, undefined, { signal: this.#options.signal }).catch(() => undefined);
  }
}

function isDenial(error: unknown): boolean {
  return /permission denied|invalid auth token/i.test(errorText(error));
}

function closed(): AppError {
  return new AppError('unavailable', 'The state store is closed.');
}

function denied(cause: unknown): AppError {
  return new AppError('unavailable', 'The state store refuses us: its user, password or role is wrong.', { cause });
}
