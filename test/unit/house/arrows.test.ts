// The import arrows bite: what breaks one is reported, and a rule that has gone blind is noticed.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { houseCopy } from './house-copy.ts';
import type { HouseCopy } from './house-copy.ts';

// Each looks through a tree of its own, which takes many times as long on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** Rooms that together import nothing from elsewhere. */
const ROOMS = ['store', 'cluster', 'scheduler'];

test('arrows: a tree that keeps to them is passed in silence', async () => {
  await using house = await houseWithRooms();
  expect(await house.node(['.house/arrows.mjs'])).toEqual({ code: 0, lines: [] });
});

test('arrows: forbidden imports are reported, each with its rule', async () => {
  await using house = await houseWithRooms();
  await addImport(house, { file: 'scheduler/plan/graph.ts', what: 'node:fs' });
  await addImport(house, { file: 'store/model/ids.ts', what: '../codec.ts' });
  await addImport(house, { file: 'scheduler/loop/turn.ts', what: '../engines/instant/instant-engine.ts' });
  const { code, lines } = await house.node(['.house/arrows.mjs']);
  expect(lines).toEqual(
    expect.arrayContaining([
      'plan-imports-model: scheduler/plan/graph.ts -> fs',
      'model-imports-nothing: store/model/ids.ts -> store/codec.ts',
      'only-server-names-adapters: scheduler/loop/turn.ts -> scheduler/engines/instant/instant-engine.ts',
    ]),
  );
  expect(code).toBe(1);
});

test('arrows: a rule that matches nothing any more is noticed', async () => {
  await using house = await houseCopy({ packages: 'real' });
  const file = '.dependency-cruiser.mjs';
  const rules = await readFile(path.join(house.path, file), 'utf8');
  const blind = rules.replace("path: '^api/' }", "path: '^apis/' }");
  expect(blind).not.toBe(rules);
  await house.write(file, blind);
  await house.write('store/model/word.ts', 'export const word = 1;\n');
  const { code, lines } = await house.node(['.house/arrows.mjs']);
  expect(lines).toEqual([
    'canary: api-never-scheduler did not report api/operations/starts.ts -> scheduler/loop/loop.ts',
    'canary: api-never-scheduler did not report api/rest/plans.ts -> scheduler/plan/plan.ts',
  ]);
  expect(code).toBe(1);
});

async function houseWithRooms(): Promise<HouseCopy> {
  const house = await houseCopy({ packages: 'real' });
  for (const room of ROOMS) await house.take(room);
  return house;
}

async function addImport(
  house: HouseCopy,
  { file, what }: { readonly file: string; readonly what: string },
): Promise<void> {
  const whole = path.join(house.path, file);
  await writeFile(whole, `import '${what}';\n${await readFile(whole, 'utf8')}`);
}
