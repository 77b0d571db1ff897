// The shape of a config's tasks, made once per config version and shared by all of its runs.

import type { PipelineConfig, TaskSpec } from '../../store/model/config.ts';
import { parseTaskId } from '../../store/model/ids.ts';
import type { TaskId } from '../../store/model/ids.ts';

export interface TaskGraph {
  readonly config: PipelineConfig;
  readonly specs: ReadonlyMap<TaskId, TaskSpec>;
  /** Tasks without parents, in the order of the config. */
  readonly roots: readonly TaskId[];
  readonly children: ReadonlyMap<TaskId, readonly TaskId[]>;
  readonly parentCount: ReadonlyMap<TaskId, number>;
}

/** Linear in tasks and dependencies. The config was validated when it was registered: parents exist, no cycles. */
export function taskGraph(config: PipelineConfig): TaskGraph {
  const specs = new Map<TaskId, TaskSpec>();
  const children = new Map<TaskId, TaskId[]>();
  const parentCount = new Map<TaskId, number>();
  const roots: TaskId[] = [];
  for (const spec of config.tasks) specs.set(spec.id, spec);
  for (const spec of config.tasks) {
    const parents = Object.keys(spec.dependsOn).map((id) => parseTaskId(id));
    parentCount.set(spec.id, parents.length);
    if (parents.length === 0) roots.push(spec.id);
    for (const parent of parents) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [spec.id]);
      else known.push(spec.id);
    }
  }
  return { config, specs, roots, children, parentCount };
}
