// One more process beside a task's body, for looking at what it does (spec 9.2).

import { AppError } from '../../store/model/errors.ts';
import { attemptId } from '../../store/model/ids.ts';
import type { ApiDeps, LiveSession } from './deps.ts';
import type { Operation } from './operation.ts';
import type { TaskPlace } from './parse-place.ts';
import { getTask } from './tasks.ts';

export interface Attachment extends TaskPlace {
  /** Cut at single spaces; there is no quoting. */
  readonly command: string;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly signal: AbortSignal;
}

const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

export function createAttachOperations(deps: ApiDeps) {
  return {
    /** Throws 'conflict' when the task does not run. */
    attachTask: {
      operationId: 'attach_task_execution',
      needs: { resources: ['namespaces', 'pipelines', 'runs', 'task_executions'], action: 'write' },
      run: async (input) => {
        const { execution } = await getTask(deps, input);
        if (execution.state !== 'running')
          throw new AppError('conflict', `The task is ${execution.state}, not running.`);
        const { columns = COLUMNS_DEFAULT, rows = ROWS_DEFAULT, signal } = input;
        const command = input.command.split(' ');
        return deps.live.exec(attemptId(execution, execution.attempt), {
          command,
          terminal: { columns, rows },
          signal,
        });
      },
    } satisfies Operation<Attachment, LiveSession>,
  };
}
