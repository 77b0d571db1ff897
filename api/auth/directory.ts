// Tokens and roles as the checks of requests need them: read once, and kept until the store tells of a change to any token or role. What is
// kept is used for a bounded time only, so that a node which hears nothing of the store any more does not go on letting people in.

import { timingSafeEqual } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RecordCodec } from '../../store/codec.ts';
import { keys } from '../../store/keys.ts';
import type { Role, Token } from '../../store/model/access.ts';
import { roleRecord, tokenNameRecord, tokenRecord } from '../../store/records/access-records.ts';
import type { KeyRange, StateStore } from '../../store/state/port.ts';
import { findRecord } from '../operations/store-pages.ts';
import { systemRole } from './built-in-roles.ts';

export interface Directory {
  /** Null when no token has this hash. */
  tokenOf(hash: string): Promise<Token | null>;
  /** Those that exist, in the order of their ids. */
  rolesOf(roleIds: readonly string[]): Promise<readonly Role[]>;
  /** What this node has just changed itself: it is read again. */
  forget(): void;
}

export interface DirectoryOptions {
  readonly state: StateStore;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** What was read is used for so long without a word of the store. */
const KEPT_MS = 5_000;
/** Entries that are kept; strangers who try one token after the other must not fill the memory. */
const ENTRIES_MAX = 10_000;
const WATCH_AGAIN_MS = 1_000;

interface Entry<T> {
  readonly value: T | null;
  readonly until: number;
}

export function createDirectory({ state, signal }: DirectoryOptions): Directory {
  const tokens = new Map<string, Entry<Token>>();
  const roles = new Map<string, Entry<Role>>();
  let epoch = 0;
  const forget = () => {
    epoch += 1;
    tokens.clear();
    roles.clear();
  };
  for (const range of [keys.tokens(), keys.roles()]) {
    follow(state, range, { signal, onChange: forget }).catch(() => undefined);
  }

  async function kept<T>(entries: Map<string, Entry<T>>, id: string, read: () => Promise<T | null>): Promise<T | null> {
    const found = entries.get(id);
    if (found !== undefined && found.until > performance.now()) return found.value;
    const before = epoch;
    const until = performance.now() + KEPT_MS;
    const value = await read();
    // A stranger's token is not kept: it may be made in the next moment, on another node. Nor is what changed while it was read.
    if (value === null || before !== epoch) return value;
    if (entries.size >= ENTRIES_MAX) entries.clear();
    entries.set(id, { value, until });
    return value;
  }

  return {
    tokenOf: (hash) => kept(tokens, hash, () => readToken(state, hash)),
    rolesOf: async (roleIds) => {
      const found = await Promise.all(
        roleIds.map(
          async (id) => systemRole(id) ?? kept(roles, id, () => readRecord(state, keys.role(id), roleRecord)),
        ),
      );
      return found.filter((role) => role !== null);
    },
    forget,
  };
}

async function readToken(state: StateStore, hash: string): Promise<Token | null> {
  const name = await readRecord(state, keys.tokenName(hash), tokenNameRecord);
  if (name === null) return null;
  const token = await readRecord(state, keys.token(name.tokenId), tokenRecord);
  return token !== null && isSame(token.hash, hash) ? token : null;
}

/** In constant time. */
function isSame(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

async function readRecord<T>(state: StateStore, key: string, codec: RecordCodec<T>): Promise<T | null> {
  return (await findRecord(state, key, codec))?.value ?? null;
}

interface Follow {
  readonly signal: AbortSignal;
  readonly onChange: () => void;
}

/** Watches until the signal; whatever may have been missed in between counts as a change. */
async function follow(state: StateStore, range: KeyRange, { signal, onChange }: Follow): Promise<void> {
  while (!signal.aborted) {
    // The store may be away: nothing is kept longer than KEPT_MS meanwhile.
    await watched(state, range, { signal, onChange }).catch(() => undefined);
    await pause(WATCH_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function watched(state: StateStore, range: KeyRange, { signal, onChange }: Follow): Promise<void> {
  const batches = await state.watch(range, { signal });
  onChange();
  for await (const { events } of batches) {
    if (events.length > 0) onChange();
  }
}
