// Codecs of what a run is made of: the run, its task executions, its place in the queue, and what is asked of the leader.

import { recordCodec } from '../codec.ts';
import type { Ask } from '../model/ask.ts';
import type { Run, TaskExecution } from '../model/run.ts';

export const runRecord = recordCodec<Run>({
  kind: 'run',
  fields: {
    namespaceId: 'string',
    pipelineId: 'string',
    runId: 'number',
    state: 'string',
    configVersion: 'number',
    created: 'number',
    variables: 'array',
    initiator: 'object',
    retryOf: 'number',
  },
});

/** Under `open/`: the run as it was created. Its create revision is its place in the queue. */
export const openRunRecord = runRecord;

export const taskRecord = recordCodec<TaskExecution>({
  kind: 'task execution',
  fields: {
    namespaceId: 'string',
    pipelineId: 'string',
    runId: 'number',
    taskId: 'string',
    state: 'string',
    created: 'number',
    past: 'array',
  },
});

export interface RunCounter {
  readonly lastRunId: number;
}

export const runCounterRecord = recordCodec<RunCounter>({ kind: 'run counter', fields: { lastRunId: 'number' } });

export const askRecord = recordCodec<Ask>({
  kind: 'ask',
  fields: { kind: 'string', askedAt: 'number', graceMs: 'number', by: 'string' },
});

/** Under `archive/`: an ended attempt whose log is still to be copied to the object store. */
export interface ArchiveDuty {
  readonly engine: string;
  readonly endedAt: number;
}

export const archiveRecord = recordCodec<ArchiveDuty>({
  kind: 'archive duty',
  fields: { engine: 'string', endedAt: 'number' },
});

/** Under `retention/`: how far the clearing of a pipeline's old runs has come. */
export interface RetentionCursor {
  readonly logsExpiredUpTo: number;
}

export const retentionRecord = recordCodec<RetentionCursor>({
  kind: 'retention cursor',
  fields: { logsExpiredUpTo: 'number' },
});
