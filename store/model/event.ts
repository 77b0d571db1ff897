// One durable line of "this happened" (spec 8). The leader is the only sequencer, so the order is one for all nodes.
//
// Event ids are UUID v7. Their 48-bit time never goes back, and their random part holds the number of the segment (the
// group of events that one commit wrote) and the place in it: the id alone tells where the event is stored, and ids sort
// as text in the order of commits.

import type { EventId, Instant, NamespaceId, PipelineId, RunId, TaskId } from './ids.ts';
import type { RunStatus, TaskStatus } from './run.ts';

interface OfPipeline {
  readonly namespace_id: NamespaceId;
  readonly pipeline_id: PipelineId;
}
interface OfRun extends OfPipeline {
  readonly run_id: RunId;
}
interface OfTask extends OfRun {
  readonly task_execution_id: TaskId;
}
interface OfDeployment extends OfPipeline {
  readonly start_version: number;
  readonly end_version: number;
}

/** Closed on the wire: a kind that old clients do not know breaks them (spec 1.1). */
export type EventKind =
  | { readonly created_namespace: { readonly namespace_id: NamespaceId } }
  | { readonly deleted_namespace: { readonly namespace_id: NamespaceId } }
  | { readonly created_pipeline: OfPipeline }
  | { readonly deleted_pipeline: OfPipeline }
  | { readonly enabled_pipeline: OfPipeline }
  | { readonly disabled_pipeline: OfPipeline }
  | { readonly started_deployment: OfDeployment }
  | { readonly completed_deployment: OfDeployment }
  | { readonly queued_run: OfRun }
  | { readonly started_run: OfRun }
  | { readonly completed_run: OfRun & { readonly status: RunStatus } }
  | { readonly started_run_cancellation: OfRun }
  | { readonly created_task_execution: OfTask }
  | { readonly started_task_execution: OfTask }
  | { readonly completed_task_execution: OfTask & { readonly status: TaskStatus } }
  | { readonly started_task_execution_cancellation: OfTask & { readonly timeout: number } }
  | { readonly created_role: { readonly role_id: string } }
  | { readonly deleted_role: { readonly role_id: string } };

/** Names of all kinds of the contract, also of those that are not emitted yet. */
export const EVENT_KINDS = [
  'created_namespace',
  'deleted_namespace',
  'created_pipeline',
  'deleted_pipeline',
  'enabled_pipeline',
  'disabled_pipeline',
  'started_deployment',
  'completed_deployment',
  'queued_run',
  'started_run',
  'completed_run',
  'started_run_cancellation',
  'created_task_execution',
  'started_task_execution',
  'completed_task_execution',
  'started_task_execution_cancellation',
  'installed_extension',
  'uninstalled_extension',
  'enabled_extension',
  'disabled_extension',
  'pipeline_extension_subscription_registered',
  'pipeline_extension_subscription_unregistered',
  'created_role',
  'deleted_role',
] as const;

export type EventKindName = (typeof EVENT_KINDS)[number];

/** An event as it is stored: its id is made from its segment and its place there. */
export interface StoredEvent {
  readonly emitted: Instant;
  readonly kind: EventKind;
}

export interface Event extends StoredEvent {
  readonly id: EventId;
}

/** 2^40 segments last 34 years at a thousand commits a second. */
const SEGMENT_BITS = 40n;
/** More events than one commit can hold. */
const INDEX_BITS = 20n;

export interface EventPosition {
  readonly segment: number;
  readonly index: number;
}

/** UUID v7 (RFC 9562, 5.7): 48 bits of time, version, 12 zero bits, variant, then segment and index. */
export function makeEventId(emitted: Instant, position: EventPosition): EventId {
  const time = BigInt(emitted).toString(16).padStart(12, '0');
  const tail = (2n << 62n) | (BigInt(position.segment) << (INDEX_BITS + 2n)) | (BigInt(position.index) << 2n);
  const low = tail.toString(16).padStart(16, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-${low.slice(0, 4)}-${low.slice(4)}` as EventId;
}

/** Where an event is stored; null when the text is no id of ours. */
export function eventPosition(id: string): EventPosition | null {
  const match = /^[0-9a-f]{8}-[0-9a-f]{4}-7000-([89ab][0-9a-f]{3})-([0-9a-f]{12})$/.exec(id);
  if (match === null) return null;
  const tail = BigInt(`0x${match[1] ?? ''}${match[2] ?? ''}`) & ((1n << 62n) - 1n);
  const segment = Number((tail >> (INDEX_BITS + 2n)) & ((1n << SEGMENT_BITS) - 1n));
  const index = Number((tail >> 2n) & ((1n << INDEX_BITS) - 1n));
  return segment < 1 ? null : { segment, index };
}
