// Reads the records of many runs with few requests. Runs that lie close to each other are read as one span, with what lies between
// them: a row too many costs microseconds, a request costs a round trip to the store and most of a millisecond of processor time.

import { keys, runOfKey } from '../../store/keys.ts';
import { runKeyText } from '../../store/model/ids.ts';
import type { RunKey } from '../../store/model/ids.ts';
import type { KeyRange, KeyValue, StateStore } from '../../store/state/port.ts';

/** Rows that nobody wants, between two that are, at the most. */
const WASTE_MAX = 32;
/** Rows of one answer, within what etcd answers by default. */
const PAGE = 500;
/** Spans that are read at once: they hide the store's latency. */
const SPANS_AT_ONCE = 16;

/** A run whose tasks are wanted. */
export interface TasksWanted {
  readonly key: RunKey;
  /** How many records it may have. */
  readonly size: number;
}

/** Run records by name; what does not exist is missing. */
export async function readRuns(state: StateStore, wanted: readonly RunKey[]): Promise<ReadonlyMap<string, KeyValue>> {
  const found = new Map<string, KeyValue>();
  const names = new Set(wanted.map(runKeyText));
  const spans = spansOf(wanted.map((key) => ({ key, size: 1 })));
  await eachSpan(spans, async ({ first, last }) => {
    if (first === last) {
      const kv = await state.get(keys.run(first));
      if (kv !== null) found.set(runKeyText(first), kv);
      return;
    }
    await readPages(state, keys.runSpan(first, { first: first.runId, last: last.runId }), (kv) => {
      const name = runKeyText(runOfKey(kv.key));
      if (names.has(name)) found.set(name, kv);
    });
  });
  return found;
}

/** Task records by the name of their run. */
export async function readTasks(
  state: StateStore,
  wanted: readonly TasksWanted[],
): Promise<ReadonlyMap<string, readonly KeyValue[]>> {
  const found = new Map<string, KeyValue[]>(wanted.map(({ key }) => [runKeyText(key), []]));
  await eachSpan(spansOf(wanted), async ({ first, last }) => {
    const range = { start: keys.tasksOf(first).start, end: keys.tasksOf(last).end };
    await readPages(state, range, (kv) => found.get(runKeyText(runOfKey(kv.key)))?.push(kv));
  });
  return found;
}

/** Runs of one pipeline, from the first to the last. */
interface Span {
  readonly first: RunKey;
  last: RunKey;
}

function spansOf(wanted: readonly TasksWanted[]): readonly Span[] {
  const sorted = [...wanted].sort((left, right) => compareRuns(left.key, right.key));
  const spans: Span[] = [];
  for (const { key, size } of sorted) {
    const open = spans.at(-1);
    if (open !== undefined && isNear(open.last, key, size)) open.last = key;
    else spans.push({ first: key, last: key });
  }
  return spans;
}

function isNear(before: RunKey, key: RunKey, size: number): boolean {
  const isSamePipeline = before.namespaceId === key.namespaceId && before.pipelineId === key.pipelineId;
  return isSamePipeline && (key.runId - before.runId - 1) * size <= WASTE_MAX;
}

function compareRuns(left: RunKey, right: RunKey): number {
  return (
    compareText(left.namespaceId, right.namespaceId) ||
    compareText(left.pipelineId, right.pipelineId) ||
    left.runId - right.runId
  );
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

async function eachSpan(spans: readonly Span[], read: (span: Span) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let span = spans[next++]; span !== undefined; span = spans[next++]) await read(span);
  };
  await Promise.all(Array.from({ length: Math.min(SPANS_AT_ONCE, spans.length) }, lane));
}

async function readPages(state: StateStore, range: KeyRange, take: (kv: KeyValue) => void): Promise<void> {
  let { start } = range;
  for (;;) {
    const page = await state.range({ start, end: range.end }, { limit: PAGE });
    page.kvs.forEach(take);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    start = `${last.key}\0`;
  }
}
