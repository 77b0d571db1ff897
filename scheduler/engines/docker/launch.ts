// Create, check, start: how a body comes to be, at most once for each id, whoever asks and however late.
//
// 1. Creating a container under the attempt's name is the claim: the daemon lets one of any number succeed.
// 2. Only then are the marks read. The name can be free again only after `forget` or `settle` removed a container, and both
//    write their mark before they remove. So whoever holds the name sees it.
// 3. The start names the id that the create returned, never the name. An older leader's late start finds its container removed.
//
// Nothing here is repeated by itself, and no call carries the caller's signal: a call that was given up halfway may still happen.

import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import type { AttemptReport, AttemptSpec } from '../port.ts';
import type { Container } from './answers-parse.ts';
import { errorMessage, parseId } from './answers-parse.ts';
import type { DockerClient } from './client.ts';
import { refused, segment } from './client.ts';
import { containerName, createBody } from './container-spec.ts';
import { findAttempt, inspect, remove } from './containers.ts';
import { pause } from './deadline.ts';
import type { Marks } from './marks.ts';
import type { SentSignal } from './report.ts';
import { isLeftover, reportOf, startProblem } from './report.ts';
import { settle, unfinished, UnsettledError } from './settle.ts';

/** A loaded daemon unpacks and starts in its own time; when it is over the outcome is unknown, which costs more than waiting. */
const START_DEADLINE_MS = 60_000;

/** How long a container that somebody else created may take to be started. An inspection waits for a start under way. */
const LEFTOVER_PATIENCE_MS = 2_000;
const LEFTOVER_POLL_MS = 100;

/** A name is taken from the beginning of a create, and its container is seen only at the end of it. */
const NAME_LIMIT_MS = 30_000;
const NAME_PAUSE_MS = 50;

export type Launched =
  | { readonly kind: 'report'; readonly report: AttemptReport }
  /** Nothing was created, and nothing ever can be from this request. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Nothing was created: the daemon does not hold the image. */
  | { readonly kind: 'image_missing' };

export interface LaunchDeps {
  readonly client: DockerClient;
  readonly marks: Marks;
  readonly installation: string;
  /** Word for this very engine, in the labels of what it creates. */
  readonly creator: string;
  readonly sentSignals: (containerId: string) => ReadonlySet<SentSignal>;
}

/** Starts the body, or tells of the one that this id has already. */
export async function launch(deps: LaunchDeps, spec: AttemptSpec, signal: AbortSignal): Promise<Launched> {
  const { client, installation, creator } = deps;
  const end = performance.now() + NAME_LIMIT_MS;
  while (performance.now() < end) {
    signal.throwIfAborted();
    const created = await client.call({
      method: 'POST',
      path: '/containers/create',
      query: { name: containerName(installation, spec.id) },
      body: createBody({ installation, creator }, spec),
      deadlineMs: START_DEADLINE_MS,
    });
    const message = errorMessage(created.body);
    switch (created.status) {
      case 201:
        return reported(await startOwn(deps, { id: spec.id, containerId: parseId(created.body), signal }));
      case 409: {
        const report = await adopt(deps, spec.id, signal);
        if (report.state !== 'unknown') return reported(report);
        await pause(NAME_PAUSE_MS, signal);
        break;
      }
      case 400:
      case 404:
        if (/no such image/i.test(message)) return { kind: 'image_missing' };
        return { kind: 'refused', why: `no container of image ${spec.image} can be made: ${startProblem(message)}` };
      default:
        throw refused({ method: 'POST', path: '/containers/create' }, created);
    }
  }
  throw new AppError('unavailable', 'The attempt is being started by somebody else.');
}

function reported(report: AttemptReport): Launched {
  return { kind: 'report', report };
}

interface Own {
  readonly id: AttemptId;
  readonly containerId: string;
  readonly signal: AbortSignal;
}

async function startOwn(deps: LaunchDeps, own: Own): Promise<AttemptReport> {
  const { client } = deps;
  const verdict = await mayStart(deps, own);
  // The last look before the effect: who lost the leadership in the meantime must not start anything.
  if (verdict !== null || own.signal.aborted) {
    // Nobody else starts our container, so there is nothing to settle.
    await remove(client, own.containerId);
    own.signal.throwIfAborted();
    if (verdict?.state === 'pending') throw new UnsettledError(verdict.note);
    if (verdict !== null) return verdict;
  }
  const path = `/containers/${segment(own.containerId)}/start`;
  const started = await client.call({ method: 'POST', path, deadlineMs: START_DEADLINE_MS });
  const container = await inspect(client, own.containerId);
  if (container === null) throw new AppError('unavailable', 'The attempt was taken over by somebody else.');
  if (isLeftover(container)) throw refused({ method: 'POST', path }, started);
  return reportOf(own.id, container, deps.sentSignals(own.containerId));
}

/** Null, or what is to be told instead of starting. */
async function mayStart(deps: LaunchDeps, { id, containerId }: Own): Promise<AttemptReport | null> {
  const { marks } = deps;
  const [forgotten, settling] = await Promise.all([marks.read('forgotten', id), marks.read('settling', id)]);
  if (forgotten !== null) return { id, state: 'unknown' };
  if (settling === null || settling.containerId === containerId) return null;
  const earlier = await unfinished(deps, id, settling);
  return earlier.state === 'unknown' ? null : earlier;
}

/** The name is taken: tells what has become of it. 'unknown': it is free now. */
async function adopt(deps: LaunchDeps, id: AttemptId, signal: AbortSignal): Promise<AttemptReport> {
  const { client, installation } = deps;
  const end = performance.now() + LEFTOVER_PATIENCE_MS;
  let container: Container | null;
  for (;;) {
    signal.throwIfAborted();
    container = await findAttempt(client, installation, id);
    if (container === null) return { id, state: 'unknown' };
    if (!isLeftover(container)) return reportOf(id, container, deps.sentSignals(container.containerId));
    if (performance.now() >= end) break;
    await pause(LEFTOVER_POLL_MS, signal);
  }
  return settle(deps, id, container.containerId);
}
