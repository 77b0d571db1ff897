import { expect, test } from 'vitest';
import { chooseEngine } from '../../../../cmd/server/choose-engine.ts';

test.each([
  ['process', null, 'process'],
  ['docker', 'refused', 'docker'],
  ['auto', null, 'docker'],
  ['auto', 'refused', 'process'],
])('engine: %s with a daemon that says %j gives %s', async (wanted, problem, kind) => {
  expect(await chooseEngine(wanted, () => Promise.resolve(problem))).toMatchObject({ kind });
});
