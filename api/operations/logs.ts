// Logs of task executions: reading them, and taking them away (spec 5.5, 9.1).

import { keys } from '../../store/keys.ts';
import { archiveName } from '../../store/logs/archive.ts';
import { AppError } from '../../store/model/errors.ts';
import { taskRecord } from '../../store/records/run-records.ts';
import type { ApiDeps } from './deps.ts';
import type { Operation } from './operation.ts';
import type { TaskPlace } from './parse-place.ts';
import { findRecord, retried } from './store-pages.ts';
import { readTaskLog } from './task-logs.ts';
import type { LogQuery } from './task-logs.ts';
import { getTask } from './tasks.ts';

interface LogStreamQuery extends LogQuery {
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal;
}

export function createLogOperations(deps: ApiDeps) {
  const resources = ['namespaces', 'pipelines', 'runs', 'task_executions'] as const;
  return {
    getLogs: {
      operationId: 'get_logs',
      needs: { resources, action: 'read' },
      run: (query) => Promise.resolve(readTaskLog(deps, query, query.signal)),
    } satisfies Operation<LogStreamQuery, AsyncIterable<string>>,

    deleteLogs: {
      operationId: 'delete_logs',
      needs: { resources, action: 'delete' },
      run: (place) => deleteLogs(deps, place),
    } satisfies Operation<TaskPlace, void>,
  };
}

/** Repeatable. A copy that the archiver still has in hand is thrown away by the archiver. */
async function deleteLogs(deps: ApiDeps, place: TaskPlace): Promise<void> {
  const { state, objects } = deps;
  const past = await retried(async () => {
    const { execution } = await getTask(deps, place);
    if (execution.state !== 'complete') {
      throw new AppError('invalid', 'The task is not complete: its log can be removed only when it is.');
    }
    const found = await findRecord(state, keys.task(execution), taskRecord);
    if (found?.value.state !== 'complete') return [];
    const task = found.value;
    if (task.logs === 'none' || task.logs === 'expired' || task.logs === 'removed') return task.past;
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: found.kv.key, equals: found.kv.modRevision }],
      writes: [{ op: 'put', key: found.kv.key, value: taskRecord.encode({ ...task, logs: 'removed' }) }],
    });
    return succeeded ? task.past : null;
  });
  const { execution } = await getTask(deps, place);
  for (const { attempt } of past) await objects.delete(archiveName({ ...execution, attempt }));
}
