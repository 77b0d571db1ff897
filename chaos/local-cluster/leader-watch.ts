// Who leads, as etcd says it: asked past the nodes by etcd's own HTTP gateway, so that nobody's view of himself has to be believed.

import { PREFIX } from './nodes.ts';
import { parseClaim, parseLines } from './parse-gateway.ts';
import type { EtcdMember } from './etcd-members.ts';
import type { Reign } from './reign.ts';

export interface LeaderChange {
  /** Monotonic milliseconds (performance.now) at which it was heard. */
  readonly at: number;
  /** Null: the key is gone. */
  readonly leader: Reign | null;
}

export interface LeaderWatch extends AsyncDisposable {
  /** All that was heard since it began, oldest first. */
  readonly changes: readonly LeaderChange[];
  now(): Reign | null;
}

const LEADER_KEY = Buffer.from(`${PREFIX}cluster/leader`).toString('base64');
/** A member that does not answer is frozen or gone: the next one is asked. */
const ASK_LIMIT_MS = 1_000;

/** Throws when no member answers. */
export async function leaderNow(members: readonly EtcdMember[]): Promise<Reign | null> {
  const faults: unknown[] = [];
  for (const member of members.filter(({ running }) => running())) {
    try {
      const answer = await fetch(`${member.endpoint}/v3/kv/range`, {
        method: 'POST',
        body: JSON.stringify({ key: LEADER_KEY }),
        signal: AbortSignal.timeout(ASK_LIMIT_MS),
      });
      return parseClaim(await answer.text());
    } catch (error) {
      faults.push(error);
    }
  }
  throw new AggregateError(faults, 'no etcd member answers');
}

/** Follows the leader key from now on, by one member: for the time that it lives. Resolves once the watch stands. */
export async function watchLeader(member: EtcdMember): Promise<LeaderWatch> {
  const over = new AbortController();
  const answer = await fetch(`${member.endpoint}/v3/watch`, {
    method: 'POST',
    body: JSON.stringify({ create_request: { key: LEADER_KEY } }),
    signal: over.signal,
  });
  if (answer.body === null) throw new Error(`${member.name} opened no watch`);
  const changes: LeaderChange[] = [];
  // The gateway answers the creation before it sends any event; what led before is asked afterwards, so nothing falls between.
  const lines = parseLines(answer.body);
  await lines.next();
  const first = await leaderNow([member]);
  if (first !== null) changes.push({ at: performance.now(), leader: first });
  const following = (async () => {
    for await (const heard of lines) {
      for (const leader of heard) changes.push({ at: performance.now(), leader });
    }
  })().catch(() => undefined);
  return {
    changes,
    now: () => changes.at(-1)?.leader ?? null,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await following;
    },
  };
}
