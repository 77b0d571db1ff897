// Wire forms of events. The kinds are a closed list: old clients cannot read one that they do not know (spec 1.1).

import { Type } from 'typebox';
import type { TProperties } from 'typebox';
import type { EventKind, EventKindName } from '../../../store/model/event.ts';
import { Timestamp, Uint64, component, nullable, ref, words } from './common.ts';
import { runStatus, taskStatus } from './statuses.ts';

const Text = Type.String();
const OfNamespace = { namespace_id: Text };
const OfPipeline = { ...OfNamespace, pipeline_id: Text };
const OfDeployment = { end_version: Uint64, ...OfPipeline, start_version: Uint64 };
const OfRun = { ...OfPipeline, run_id: Uint64 };
const OfTask = { ...OfRun, task_execution_id: Text };
const OfExtension = { id: Text, image: Text };
const OfSubscription = { extension_id: Text, ...OfPipeline, subscription_id: Text };
const OfRole = { role_id: Text };

const KINDS: Readonly<Record<EventKindName, TProperties>> = {
  created_namespace: OfNamespace,
  deleted_namespace: OfNamespace,
  disabled_pipeline: OfPipeline,
  enabled_pipeline: OfPipeline,
  created_pipeline: OfPipeline,
  deleted_pipeline: OfPipeline,
  started_deployment: OfDeployment,
  completed_deployment: OfDeployment,
  queued_run: OfRun,
  started_run: OfRun,
  completed_run: { ...OfRun, status: ref(runStatus) },
  started_run_cancellation: OfRun,
  created_task_execution: OfTask,
  started_task_execution: OfTask,
  completed_task_execution: { ...OfTask, status: ref(taskStatus) },
  started_task_execution_cancellation: { ...OfTask, timeout: Uint64 },
  installed_extension: OfExtension,
  uninstalled_extension: OfExtension,
  enabled_extension: OfExtension,
  disabled_extension: OfExtension,
  pipeline_extension_subscription_registered: OfSubscription,
  pipeline_extension_subscription_unregistered: OfSubscription,
  created_role: OfRole,
  deleted_role: OfRole,
};

/** An object with exactly one property, the kind's name. */
export const Kind = component(
  'Kind',
  Type.Unsafe<EventKind>({
    oneOf: [
      words('any'),
      ...Object.entries(KINDS).map(([name, facts]) =>
        Type.Object({ [name]: Type.Object(facts) }, { additionalProperties: false }),
      ),
    ],
  }),
);

export const Event = component('Event', Type.Object({ emitted: Timestamp, id: Type.String(), kind: ref(Kind) }));

export const GetEventResponse = component('GetEventResponse', Type.Object({ event: ref(Event) }));

export const EventParams = Type.Object({ event_id: Type.String() });
export const StreamEventsQuery = Type.Object({
  history: Type.Optional(nullable(Type.Boolean())),
  reverse: Type.Optional(nullable(Type.Boolean())),
  /** Ours: only what came after the event with this id: where a broken stream goes on. */
  after: Type.Optional(Type.String()),
  /** Ours: names of kinds, separated by commas. */
  kind: Type.Optional(Type.String()),
  /** Ours. */
  namespace_id: Type.Optional(Type.String()),
  /** Ours. */
  pipeline_id: Type.Optional(Type.String()),
  /** Ours. */
  run_id: Type.Optional(Uint64),
});
