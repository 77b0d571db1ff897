// Who led when, as a bystander sees it: the leader key is watched through every etcd member at once, by their HTTP gateway. The first
// of them that tells of a change gives its time; a member that is killed, frozen or cut off makes nothing unseen.

import { setTimeout as pause } from 'node:timers/promises';
import type { TermSeen } from '../checks/evidence.ts';
import { parseLeader, parseWatchLine } from './parse-leader-events.ts';
import type { LeaderNews } from './parse-leader-events.ts';

export interface LeaderTerms extends AsyncDisposable {
  /** Oldest first; the last one may still reign. */
  terms(): readonly TermSeen[];
  /** Null while nobody leads. */
  now(): TermSeen | null;
  onChange(listener: () => void): void;
}

export interface LeaderTermsOptions {
  /** Base URLs of the members, past all proxies. */
  readonly endpoints: readonly string[];
  /** The leader key, whole. */
  readonly key: string;
}

const AGAIN_MS = 100;
const ASK_LIMIT_MS = 1_000;
/** A frozen member keeps its connection open and says nothing; a new watch finds out what was missed. */
const RENEW_MS = 10_000;

/** Resolves once who leads now is known. */
export async function watchLeaderTerms({ endpoints, key }: LeaderTermsOptions): Promise<LeaderTerms> {
  const over = new AbortController();
  const terms: TermSeen[] = [];
  const listeners: (() => void)[] = [];
  const encoded = Buffer.from(key).toString('base64');
  let newest = 0;
  let kept = 0;

  function hear(news: LeaderNews): void {
    if (news.what === 'compacted') kept = Math.max(kept, news.revision);
    if (news.what === 'compacted' || news.revision <= newest) return;
    newest = news.revision;
    const at = performance.now();
    const last = terms.at(-1);
    if (last !== undefined && last.to === null) terms[terms.length - 1] = { ...last, to: at };
    if (news.what === 'began') {
      const { term, name, nodeId } = news;
      terms.push({ term, name, nodeId, from: at, to: null });
    }
    for (const listener of listeners) listener();
  }

  async function follow(endpoint: string): Promise<void> {
    while (!over.signal.aborted) {
      try {
        const signal = AbortSignal.any([over.signal, AbortSignal.timeout(RENEW_MS)]);
        await watchOnce({ endpoint, key: encoded, fromRevision: Math.max(newest + 1, kept), signal, hear });
      } catch {
        // A member that is down, or a watch that was renewed: it is opened again.
      }
      await pause(AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  }

  hear(await Promise.any(endpoints.map((endpoint) => askLeader(endpoint, encoded))));
  const following = Promise.all(endpoints.map(follow));
  return {
    terms: () => terms,
    now: () => {
      const last = terms.at(-1);
      return last === undefined || last.to !== null ? null : last;
    },
    onChange: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await following;
    },
  };
}

async function askLeader(endpoint: string, key: string): Promise<LeaderNews> {
  const answer = await fetch(`${endpoint}/v3/kv/range`, {
    method: 'POST',
    body: JSON.stringify({ key }),
    signal: AbortSignal.timeout(ASK_LIMIT_MS),
  });
  return parseLeader(await answer.text());
}

interface Watch {
  readonly endpoint: string;
  readonly key: string;
  readonly fromRevision: number;
  readonly signal: AbortSignal;
  readonly hear: (news: LeaderNews) => void;
}

async function watchOnce({ endpoint, key, fromRevision, signal, hear }: Watch): Promise<void> {
  const answer = await fetch(`${endpoint}/v3/watch`, {
    method: 'POST',
    body: JSON.stringify({ create_request: { key, start_revision: fromRevision } }),
    signal,
  });
  if (answer.body === null) return;
  const body: AsyncIterable<Uint8Array> = answer.body;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) parseWatchLine(line).forEach(hear);
  }
}
