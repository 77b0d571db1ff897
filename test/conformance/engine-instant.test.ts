import type { AttemptId } from '../../store/model/ids.ts';
import { createInstantEngine, createInstantPlace } from '../../scheduler/engines/instant/instant-engine.ts';
import { describeEngineIdentity } from './engine-suite.ts';
import type { EngineWorld } from './engine-world.ts';

const NO_BODY = { image: 'none', entrypoint: null, command: null };

describeEngineIdentity('instant', async (): Promise<EngineWorld> => {
  const place = createInstantPlace();
  const bodies: AttemptId[] = [];
  return {
    open: async () => createInstantEngine({ place, now: Date.now, onBody: (id) => bodies.push(id) }),
    crash: (engine) => engine.close(),
    script: () => NO_BODY,
    missingCommand: () => ({ ...NO_BODY, name: 'none' }),
    starts: async (id) => bodies.filter((started) => started === id).length,
    alive: async () => false,
    dispose: async () => undefined,
  };
});
