// Removes a container that was created and never started, so that the `start` of an older leader, if one is still on its way,
// finds nothing. The daemon has no "remove unless it was ever started": it refuses to remove what runs, but a body may start and
// end between our look and the removal, and then its traces go with it. The event stream, opened before the look, tells:
// it holds the start before the removal, or there was none.
//
// A daemon that was killed while it started the container may not know of it any more, and has no events of its earlier life. What it
// cannot lose is the directory that the runtime makes in the container (`tracePath`): where that is, the body may have run.
//
// Of a container that this very engine created, in an earlier life of the daemon, no start can come any more: nobody else had its id, and
// our request went with the daemon. It needs no mark, and a daemon that dies again meanwhile makes nothing unclear.
//
// The mark comes first and goes last. A death in between leaves it without its container. The daemon remembers its last events, so
// whoever comes soon still sees what happened; when it has forgotten, the attempt is lost.

import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptReport } from '../port.ts';
import { parseEvent } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { hasTrace, inspect, remove } from './containers.ts';
import { linesOf } from './json-lines.ts';
import type { Mark, Marks } from './marks.ts';
import { isHalfRemoved, lost, reportOf, wasStarted } from './report.ts';

/** The removal of an empty container and its event take milliseconds. */
const EVIDENCE_LIMIT_MS = 10_000;

/** The daemon sends what it remembers at once. */
const MEMORY_LIMIT_MS = 1_000;

/** By the daemon, of all that happens in it. */
const EVENTS_REMEMBERED = 256;

/** A settling that took longer is over, whatever became of who did it: twice the longest it may take. */
const SETTLING_LIMIT_MS = 30_000;

/** A daemon that is back tells of the end of such a body when it sees it; one that ended in between it never tells of. */
const RECALL_LIMIT_MS = 30_000;

const NONE = new Set<never>();

export interface SettleDeps {
  readonly client: DockerClient;
  readonly marks: Marks;
  readonly installation: string;
  readonly creator: string;
}

/** 'unknown': it is gone and was never started. Otherwise it was started after all, or that cannot be known (lost). */
export async function settle(deps: SettleDeps, id: AttemptId, containerId: string): Promise<AttemptReport> {
  const { client, marks, installation } = deps;
  if (await isUndone(deps, id, containerId)) return { id, state: 'unknown' };
  const mark = await marks.put('settling', id, containerId);
  if (mark.containerId !== containerId) {
    const earlier = await unfinished(deps, id, mark);
    if (earlier.state === 'unknown' || earlier.state === 'pending')
      throw new UnsettledError('another container is being settled');
    // Whoever created this one reads the mark before a start, and finds the earlier container's.
    await remove(client, containerId);
    return earlier;
  }
  await using evidence = await openEvidence(client, { containerId, since: mark.createdAt });
  const seen = await inspect(client, containerId);
  if (seen === null) throw new UnsettledError('somebody else removed the container');
  if (wasStarted(seen)) {
    await marks.drop('settling', id);
    return reportOf(id, seen, NONE);
  }
  if (isHalfRemoved(seen)) {
    // Whoever looked before that removal, and what came in between, nobody can tell any more.
    await remove(client, containerId);
    const report = await unfinished(deps, id, mark);
    if (report.state === 'pending') throw new UnsettledError(report.note);
    return report;
  }
  if (await hasTrace(client, { installation, id, containerId })) {
    if ((await client.now()) - mark.createdAt < RECALL_LIMIT_MS)
      throw new UnsettledError('the daemon was restarted while it started this container');
    return lost(id, { at: mark.createdAt, why: 'the Docker daemon was killed while it started the container' });
  }
  if ((await remove(client, containerId)) !== 'removed')
    throw new UnsettledError('the container is being started or removed');
  const verdict = await evidence.verdict();
  // The stream broke, and perhaps the daemon with it: what it remembers decides, when it is asked again.
  if (verdict === 'unclear') throw new UnsettledError('the daemon did not tell how the removal went');
  if (verdict === 'started') {
    return lost(id, { at: mark.createdAt, why: 'it was started while it was being removed' });
  }
  await marks.drop('settling', id);
  return { id, state: 'unknown' };
}

/** Removes it when no start of it can come any more and none did; false = that needs a closer look. */
async function isUndone(deps: SettleDeps, id: AttemptId, containerId: string): Promise<boolean> {
  const { client, marks, installation, creator } = deps;
  const seen = await inspect(client, containerId);
  if (seen === null || wasStarted(seen) || (await marks.read('settling', id)) !== null) return false;
  // Without a mark only what was undone so has been removed by half.
  if (!isHalfRemoved(seen)) {
    if (seen.creator !== creator || !(await isOfEarlierLife(client, containerId))) return false;
    // In this order: what came before the daemon's death has left its trace by now.
    if (await hasTrace(client, { installation, id, containerId })) return false;
  }
  if ((await remove(client, containerId)) !== 'removed') throw new UnsettledError('the container is being removed');
  return true;
}

/** Whether the daemon has been restarted since it created this: then it does not remember that, although it remembers all it ever saw. */
async function isOfEarlierLife(client: DockerClient, containerId: string): Promise<boolean> {
  // The answer ends by itself, and only then is it whole.
  const until = Math.floor((await client.now()) / 1_000) + 1;
  const stream = await client.stream({ method: 'GET', path: '/events', query: { since: '1', until: String(until) } });
  if (stream.status !== 200) {
    stream.close();
    return false;
  }
  let remembered = 0;
  for await (const line of linesOf(stream.bytes)) {
    remembered += 1;
    if (line.includes(containerId)) return false;
  }
  return remembered < EVENTS_REMEMBERED;
}

/**
 * What a settling mark says whose container is gone. 'unknown': the daemon remembers the whole life of the container, and it was
 * never started; the mark is dropped then. Else somebody may be at it for a while, and later nobody is.
 */
export async function unfinished(deps: SettleDeps, id: AttemptId, mark: Mark): Promise<AttemptReport> {
  const { createdAt, containerId } = mark;
  const life = await rememberedLife(deps.client, containerId);
  if (life === 'never_started') {
    await deps.marks.drop('settling', id);
    return { id, state: 'unknown' };
  }
  // By the daemon's clock, which made the mark: ours may be an hour off.
  if (life === 'unclear' && (await deps.client.now()) - createdAt < SETTLING_LIMIT_MS) {
    return { id, state: 'pending', note: 'an unfinished start is being undone' };
  }
  return lost(id, { at: createdAt, why: 'an unfinished start was being undone when the server died' });
}

/** Events are remembered in order: one that remembers the creation remembers all that came after it. */
async function rememberedLife(client: DockerClient, containerId: string): Promise<Verdict> {
  const ending = new AbortController();
  const filters = JSON.stringify({ type: ['container'], container: [containerId] });
  const query = { filters, since: '1' };
  const stream = await client.stream({ method: 'GET', path: '/events', query, signal: ending.signal });
  const timer = setTimeout(() => ending.abort(), MEMORY_LIMIT_MS);
  let created = false;
  try {
    for await (const line of linesOf(stream.bytes)) {
      const event = parseEvent(line);
      if (event.containerId !== containerId) continue;
      if (event.action === 'create') created = true;
      if (event.action === 'start') return 'started';
      if (event.action === 'destroy') return created ? 'never_started' : 'unclear';
    }
    return 'unclear';
  } catch {
    return 'unclear';
  } finally {
    clearTimeout(timer);
    ending.abort();
    stream.close();
  }
}

/** Of one attempt nothing can be told yet; the daemon is well. */
export class UnsettledError extends AppError {
  constructor(detail: string) {
    super('unavailable', 'The start of the task is not settled yet.', { detail });
  }
}

type Verdict = 'never_started' | 'started' | 'unclear';

interface Evidence extends AsyncDisposable {
  /** After the removal: what the stream said of the container before it was gone. */
  verdict(): Promise<Verdict>;
}

async function openEvidence(
  client: DockerClient,
  { containerId, since }: { readonly containerId: string; readonly since: number },
): Promise<Evidence> {
  const ending = new AbortController();
  const filters = JSON.stringify({ type: ['container'], container: [containerId], event: ['start', 'destroy'] });
  // The daemon sends the head of the answer a moment before it listens; starting in the past closes that gap.
  const query = { filters, since: String(Math.floor(since / 1_000) - 1) };
  const stream = await client.stream({ method: 'GET', path: '/events', query, signal: ending.signal });
  if (stream.status !== 200) {
    stream.close();
    throw new UnsettledError(`events: status ${stream.status}`);
  }
  const verdict = readEvidence(stream.bytes, containerId);
  return {
    async verdict() {
      const timer = setTimeout(() => ending.abort(), EVIDENCE_LIMIT_MS);
      try {
        return await verdict;
      } finally {
        clearTimeout(timer);
      }
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      stream.close();
      await verdict;
    },
  };
}

async function readEvidence(bytes: AsyncIterable<Uint8Array>, containerId: string): Promise<Verdict> {
  try {
    for await (const line of linesOf(bytes)) {
      const event = parseEvent(line);
      if (event.containerId !== containerId) continue;
      if (event.action === 'start') return 'started';
      if (event.action === 'destroy') return 'never_started';
    }
    return 'unclear';
  } catch {
    // A stream that broke proves nothing.
    return 'unclear';
  }
}
