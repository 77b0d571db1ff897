// What every engine behind scheduler/engines/port.ts must do. Groups are exported one by one, so that an engine without real
// bodies names the groups that apply to it; nothing is skipped at run time.

import { afterAll, beforeAll, describe } from 'vitest';
import type { Engine } from '../../scheduler/engines/port.ts';
import { executeTests } from './engine-suite-exec.ts';
import { logByteTests, logReadTests } from './engine-suite-logs.ts';
import { forgetTests, listTests, onceTests, watchTests } from './engine-suite-once.ts';
import { outcomeTests, stopTests } from './engine-suite-bodies.ts';
import { survivalTests } from './engine-suite-survival.ts';
import { twoNodeBodyTests, twoNodeTests } from './engine-suite-two-nodes.ts';
import type { EngineTestScope, EngineWorld, EngineWorldFactory } from './engine-world.ts';

/** Everything that an engine with real bodies must do. */
export function describeEngine(name: string, factory: EngineWorldFactory): void {
  describeEngineIdentity(name, factory);
  inWorld(`${name} engine: outcomes`, factory, outcomeTests);
  inWorld(`${name} engine: stop`, factory, stopTests);
  inWorld(`${name} engine: log bytes`, factory, logByteTests);
  inWorld(`${name} engine: log reading`, factory, logReadTests);
  inWorld(`${name} engine: exec`, factory, executeTests);
  inWorld(`${name} engine: survival`, factory, survivalTests);
  inWorld(`${name} engine: bodies of two nodes`, factory, twoNodeBodyTests);
}

/** The part that also an engine without real bodies keeps: one body per id, look-up, list, watch, forget. */
export function describeEngineIdentity(name: string, factory: EngineWorldFactory): void {
  inWorld(`${name} engine: once`, factory, onceTests);
  inWorld(`${name} engine: list`, factory, listTests);
  inWorld(`${name} engine: watch`, factory, watchTests);
  inWorld(`${name} engine: forget`, factory, forgetTests);
  inWorld(`${name} engine: two nodes`, factory, twoNodeTests);
}

function inWorld(title: string, factory: EngineWorldFactory, tests: (scope: EngineTestScope) => void): void {
  describe(title, () => {
    let world: EngineWorld | undefined;
    let engine: Engine | undefined;
    beforeAll(async () => {
      world = await factory();
      engine = await world.open();
    });
    afterAll(async () => {
      await engine?.close();
      await world?.dispose();
    });
    tests({ engine: () => present(engine), world: () => present(world) });
  });
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the world is made before the first test');
  return value;
}
