// Gives the API its view of live bodies: the engine's logs and exec, through the API's own small interface.

import type { LiveTasks } from '../../api/operations/deps.ts';
import type { Engine } from '../../scheduler/engines/port.ts';

export function createLiveTasks(engine: Engine): LiveTasks {
  return {
    logs: (id, options) => engine.logs(id, options),
    exec: (id, options) => engine.exec(id, options),
  };
}
