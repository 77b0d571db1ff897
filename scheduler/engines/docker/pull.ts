// Pulls images: one pull for all who wait for the same image with the same credentials, with progress, and with patience for a
// registry that cannot be reached. The daemon stops a pull when nobody waits for it any more.

import { createHash } from 'node:crypto';
import type { RegistryAuth } from '../../../store/model/config.ts';
import { isAppError } from '../../../store/model/errors.ts';
import { errorMessage, parseJson, parsePullLine } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { linkAborts, pause } from './deadline.ts';
import { parseImageReference } from './image-reference.ts';
import { linesOf } from './json-lines.ts';
import type { PullFailure } from './pull-outcome.ts';
import { createPullProgress, pullFailure } from './pull-outcome.ts';

export interface PullLimits {
  /** Tries while the registry cannot be reached, with a doubled pause after each. */
  readonly triesMax: number;
  readonly firstPauseMs: number;
  /** A pull that says nothing for so long hangs. */
  readonly silenceMs: number;
  /** Of everything together. A tombstone must outlive it, see marks.ts. */
  readonly totalMs: number;
}

/** About two minutes of an unreachable registry: longer than its restart, short enough for somebody who waits for the answer. */
export const PULL_LIMITS: PullLimits = { triesMax: 7, firstPauseMs: 2_000, silenceMs: 300_000, totalMs: 3_600_000 };

/** The daemon asks the registry before it answers. */
const HEAD_DEADLINE_MS = 120_000;

export type Pulled = { readonly ok: true } | { readonly ok: false; readonly why: string };

export interface PullWish {
  readonly image: string;
  readonly auth: RegistryAuth | null;
  /** Told in words for the user, such as "pulling image x: 40%". */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface Pulls {
  /** Throws 'unavailable' when the daemon goes away, and the signal's reason when it aborts. */
  pull(wish: PullWish): Promise<Pulled>;
}

interface SharedPull {
  readonly result: Promise<Pulled>;
  readonly waiting: Set<PullWish>;
  readonly ending: AbortController;
  note: string;
}

interface PullDeps {
  readonly client: DockerClient;
  readonly limits?: PullLimits;
}

export function createPulls({ client, limits = PULL_LIMITS }: PullDeps): Pulls {
  const shared = new Map<string, SharedPull>();

  function begin(key: string, wish: PullWish): SharedPull {
    const ending = new AbortController();
    const waiting = new Set<PullWish>();
    const pull: SharedPull = {
      waiting,
      ending,
      note: `pulling image ${wish.image}`,
      result: pullWithPatience({ ...wish, note: tell, signal: ending.signal }, { client, limits }).finally(() => {
        if (shared.get(key) === pull) shared.delete(key);
      }),
    };
    function tell(text: string): void {
      pull.note = text;
      for (const one of waiting) one.note(text);
    }
    // Those who wait are told; when all have left nobody is.
    pull.result.catch(() => undefined);
    shared.set(key, pull);
    return pull;
  }

  return {
    async pull(wish) {
      const key = pullKey(wish);
      const pull = shared.get(key) ?? begin(key, wish);
      pull.waiting.add(wish);
      wish.note(pull.note);
      try {
        return await orAborted(pull.result, wish.signal);
      } finally {
        pull.waiting.delete(wish);
        if (pull.waiting.size === 0) {
          if (shared.get(key) === pull) shared.delete(key);
          pull.ending.abort();
        }
      }
    },
  };
}

/** Others must not profit from, or fail by, somebody's credentials. Hashed: keys end up in memory dumps. */
function pullKey({ image, auth }: PullWish): string {
  return createHash('sha256')
    .update(JSON.stringify([image, auth]))
    .digest('hex');
}

async function pullWithPatience(wish: PullWish, { client, limits }: Required<PullDeps>): Promise<Pulled> {
  const end = performance.now() + limits.totalMs;
  for (let n = 1; ; n += 1) {
    const failure = await pullOnce(wish, { client, limits });
    if (failure === null) return { ok: true };
    if (failure.kind === 'final' || n >= limits.triesMax || performance.now() > end) {
      return { ok: false, why: `image ${wish.image} cannot be pulled: ${failure.why}` };
    }
    wish.note(`pulling image ${wish.image}: try ${n} failed (${failure.why}), trying again`);
    await pause(limits.firstPauseMs * 2 ** (n - 1) * (0.75 + Math.random() / 2), wish.signal);
    wish.signal.throwIfAborted();
  }
}

/** Null = the image is there. */
async function pullOnce(wish: PullWish, { client, limits }: Required<PullDeps>): Promise<PullFailure | null> {
  const { name, tag, registry } = parseImageReference(wish.image);
  const watchdog = createWatchdog(limits, wish.signal);
  try {
    const answer = await client.stream({
      method: 'POST',
      path: '/images/create',
      query: { fromImage: name, tag },
      headers: wish.auth === null ? {} : { 'X-Registry-Auth': authHeader(wish.auth, registry) },
      deadlineMs: HEAD_DEADLINE_MS,
      signal: watchdog.signal,
    });
    const lines = linesOf(answer.bytes);
    if (answer.status !== 200) return await refusal(answer.status, lines);
    const progress = createPullProgress();
    for await (const line of lines) {
      watchdog.reset();
      const entry = parsePullLine(line);
      if (entry.error !== null) return pullFailure(answer.status, entry.error);
      progress.add(entry);
      const percent = progress.percent();
      wish.note(`pulling image ${wish.image}${percent === null ? '' : `: ${percent}%`}`);
    }
    return null;
  } catch (error) {
    wish.signal.throwIfAborted();
    if (watchdog.signal.aborted) return { kind: 'passing', why: 'no progress' };
    // A daemon that is gone is the caller's matter, an answer that makes no sense is not worth another try either.
    if (isAppError(error)) throw error;
    return { kind: 'passing', why: 'the pull broke off' };
  } finally {
    watchdog.stop();
  }
}

async function refusal(status: number, lines: AsyncIterable<string>): Promise<PullFailure> {
  for await (const line of lines) return pullFailure(status, errorMessage(parseJson(line)));
  return pullFailure(status, `status ${status}`);
}

/** Docker wants base64url of JSON, padded: what has no padding it takes for no credentials. Headers are not logged. */
function authHeader({ user, pass }: RegistryAuth, registry: string | null): string {
  const auth = { username: user, password: pass, ...(registry === null ? {} : { serveraddress: registry }) };
  return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

interface Watchdog {
  readonly signal: AbortSignal;
  reset(): void;
  stop(): void;
}

/** Aborts after too long a silence, or with the outer signal. */
function createWatchdog({ silenceMs }: PullLimits, outer: AbortSignal): Watchdog {
  const ending = new AbortController();
  const unlink = linkAborts([outer], ending);
  const timer = setTimeout(() => ending.abort(), silenceMs);
  return {
    signal: ending.signal,
    reset: () => timer.refresh(),
    stop() {
      clearTimeout(timer);
      unlink();
    },
  };
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const leave = () => {
      try {
        signal.throwIfAborted();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
