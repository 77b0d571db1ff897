// Ids of a path, parsed once. One that cannot exist is answered like one that does not: not found (spec 2.1). It also never becomes
// part of a key of the store.

import type { PipelineKey } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { isIdentifier } from '../../store/model/ids.ts';
import type { NamespaceId, PipelineId, RunId, RunKey } from '../../store/model/ids.ts';

export interface NamespacePlace {
  readonly namespaceId: string;
}
export interface PipelinePlace extends NamespacePlace {
  readonly pipelineId: string;
}
export interface RunPlace extends PipelinePlace {
  readonly runId: number;
}
export interface TaskPlace extends RunPlace {
  readonly taskId: string;
}

/** The contract's one text for everything that is missing (spec 1.2). */
export function notFound(): AppError {
  return new AppError('not_found', 'Not Found');
}

export function namespaceOf({ namespaceId }: NamespacePlace): NamespaceId {
  if (!isIdentifier(namespaceId)) throw notFound();
  return namespaceId as NamespaceId;
}

export function pipelineOf({ namespaceId, pipelineId }: PipelinePlace): PipelineKey {
  if (!isIdentifier(namespaceId) || !isIdentifier(pipelineId)) throw notFound();
  return { namespaceId: namespaceId as NamespaceId, pipelineId: pipelineId as PipelineId };
}

export function runOf(place: RunPlace): RunKey {
  if (!Number.isSafeInteger(place.runId) || place.runId < 1) throw notFound();
  return { ...pipelineOf(place), runId: place.runId as RunId };
}

/** For lists: what lies below something that cannot exist is nothing, not an error (spec 1.3). */
export function canExist({ namespaceId, pipelineId = 'any' }: NamespacePlace & Partial<PipelinePlace>): boolean {
  return isIdentifier(namespaceId) && isIdentifier(pipelineId);
}
