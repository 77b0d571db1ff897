// This node's view of the cluster's records: listed, watched from there on, and listed again on a slow timer and after every break.
// The watch makes it quick, the listing makes it true. Whatever is decided here for good carries a compare besides.

import { writeInFormat } from '../store/codec.ts';
import { keys } from '../store/keys.ts';
import { errorText } from '../store/model/errors.ts';
import type { KeyValue, RangeResult, WatchBatch, WatchEvent } from '../store/state/port.ts';
import type { ClusterLog, ClusterTimings } from './timings.ts';
import type { Sight } from './sight.ts';
import { sightOf } from './sight.ts';
import type { StoreLine } from './store-line.ts';
import type { Bell } from './waiting.ts';
import { pause } from './waiting.ts';

/** The last leader that this node saw, and what was ordered in its term: who may go first after it. */
export interface Succession {
  readonly term: number;
  readonly nodeId: string;
  /** When this node saw the term for the first time, on the monotonic clock. */
  readonly sinceMs: number;
  /** When this node saw that its key was gone; null = it is there. */
  readonly vacantSinceMs: number | null;
  /** The member that was to lead next; null = any other; undefined = no order. */
  readonly handedTo: string | null | undefined;
}

export interface ClusterView {
  sight(): Sight;
  /** Null until a leader was seen. */
  succession(): Succession | null;
  /** The bell rings at every change, until the function returned is called. */
  tell(bell: Bell): () => void;
  /** Lists now; throws what the store throws. */
  refresh(): Promise<void>;
  /** Follows until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
}

export interface ViewDeps {
  readonly line: StoreLine;
  readonly timings: ClusterTimings;
  readonly monotonicMs: () => number;
  readonly log: ClusterLog;
  /** Everything that the watch brings, before it is looked at. */
  readonly onEvent: (event: WatchEvent) => void;
}

export function createClusterView(deps: ViewDeps): ClusterView {
  const { line, monotonicMs } = deps;
  const bells = new Set<Bell>();
  let kvs = new Map<string, KeyValue>();
  let listed = 0;
  let watched = 0;
  let sight = sightOf(kvs, 0);
  let succession: Succession | null = null;

  const newest = () => Math.max(listed, watched);

  function changed(): void {
    sight = sightOf(kvs, newest());
    writeInFormat(sight.format.active);
    succession = nextSuccession(succession, sight, monotonicMs());
    for (const bell of bells) bell.ring();
  }

  /** A list that is older than what is known already comes from a member of the store that lags behind. */
  function applyList(result: RangeResult): void {
    if (result.revision < newest()) return;
    listed = result.revision;
    const isKnown = (kv: KeyValue) => kvs.get(kv.key)?.modRevision === kv.modRevision;
    if (result.kvs.length === kvs.size && result.kvs.every(isKnown)) {
      sight = { ...sight, revision: listed };
      return;
    }
    kvs = new Map(result.kvs.map((kv) => [kv.key, kv]));
    changed();
  }

  function applyBatch(batch: WatchBatch): void {
    let fresh = false;
    for (const event of batch.events) {
      deps.onEvent(event);
      const revision = event.type === 'put' ? event.kv.modRevision : event.modRevision;
      // The list has it, or what came after it.
      if (revision <= listed) continue;
      if (event.type === 'put') kvs.set(event.kv.key, event.kv);
      else kvs.delete(event.key);
      watched = Math.max(watched, revision);
      fresh = true;
    }
    line.note(batch.revision);
    if (fresh) changed();
  }

  async function refresh(): Promise<void> {
    applyList(await line.list(keys.cluster()));
  }

  async function watchOnce(signal: AbortSignal): Promise<void> {
    await refresh();
    const batches = await line.watch(keys.cluster(), { fromRevision: newest() + 1, signal });
    for await (const batch of batches) applyBatch(batch);
  }

  return {
    sight: () => sight,
    succession: () => succession,
    tell: (bell) => {
      bells.add(bell);
      return () => void bells.delete(bell);
    },
    refresh,
    follow: async (signal) => {
      await Promise.all([again(deps, watchOnce, signal), again(deps, (until) => poll(deps, refresh, until), signal)]);
    },
  };
}

async function poll({ timings }: ViewDeps, refresh: () => Promise<void>, signal: AbortSignal): Promise<void> {
  await pause(timings.pollMs, signal);
  if (!signal.aborted) await refresh();
}

/** Each round has a signal of its own, so that a round that failed leaves no watch behind. */
async function again(deps: ViewDeps, round: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) {
  while (!signal.aborted) {
    const controller = new AbortController();
    const abort = () => controller.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await round(controller.signal);
    } catch (error) {
      deps.log.warn({ error: errorText(error) }, 'the records of the cluster could not be followed');
      await pause(deps.timings.retryMs, signal);
    } finally {
      controller.abort();
      signal.removeEventListener('abort', abort);
    }
  }
}

/** Exported for its table of cases. */
export function nextSuccession(before: Succession | null, sight: Sight, nowMs: number): Succession | null {
  const { leader, transfer } = sight;
  if (leader === null) {
    return before === null ? null : { ...before, vacantSinceMs: before.vacantSinceMs ?? nowMs };
  }
  const same = before !== null && before.term === leader.term;
  const ordered = transfer !== null && transfer.order.term === leader.term ? transfer.order.to : undefined;
  return {
    term: leader.term,
    nodeId: leader.claim.nodeId,
    sinceMs: same ? before.sinceMs : nowMs,
    vacantSinceMs: null,
    handedTo: ordered === undefined && same ? before.handedTo : ordered,
  };
}
