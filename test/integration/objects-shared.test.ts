// Several real processes on one directory of the object store, some of them killed.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import type { RunningScript } from '../child-script.ts';
import { childScript } from '../child-script.ts';
import { namesOf, readAll } from '../conformance/objects-world.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const PROCESSES = 4;
const TURNS = 60;
const KILLS = 6;

/** What the processes told: hashes by blob, and everything that went wrong. */
interface Told {
  readonly hashes: Map<string, Set<string>>;
  readonly failures: string[];
}

test('processes that put, delete, list and create side by side never fail or tear a blob, some being killed', async () => {
  await using directory = await temporaryDirectory();
  await using script = await childScript('integration/objects-sharer.ts');
  const told: Told = { hashes: new Map(), failures: [] };
  const start = (name: string, turns: number) => script.start(directory.path, name, String(turns));
  const workers = Array.from({ length: PROCESSES }, (_, at) => listen(start(`worker${at}`, TURNS), told));
  const victims = (async () => {
    // Each opens the directory anew, with the puts of the others under way, and dies at another point of its work.
    for (let kill = 0; kill < KILLS; kill += 1) await listen(start(`victim${kill}`, TURNS), told, 1 + kill * 3);
  })();
  const ends = await Promise.all(workers);
  await victims;
  expect(told.failures).toEqual([]);
  expect(ends).toEqual(Array.from({ length: PROCESSES }, () => 'done'));
  await using store = await openedAfterwards(directory.path);
  expect(await readdir(join(directory.path, 'incoming'))).toEqual([]);
  const created = await namesOf(store.objects, 'once/');
  expect(created).toEqual([...told.hashes.keys()].sort());
  for (const name of created) {
    const info = await store.objects.stat(name);
    expect([...(told.hashes.get(name) ?? [])]).toEqual([info?.sha256]);
    expect((await readAll(store.objects, name)).length).toBe(info?.size);
  }
});

/** Takes in what the process tells; it is killed after `linesMax` lines. Answers with its last line. */
async function listen(running: RunningScript, told: Told, linesMax = Infinity): Promise<string> {
  let last = '';
  let lines = 0;
  for await (const line of running.lines) {
    last = line;
    const [word, name = '', hash = ''] = line.split(' ');
    if (word === 'failed') told.failures.push(line);
    if (word === 'once') told.hashes.set(name, (told.hashes.get(name) ?? new Set()).add(hash));
    lines += 1;
    if (lines >= linesMax) running.process.kill('SIGKILL');
  }
  await running.kill();
  return last;
}

async function openedAfterwards(directory: string) {
  const objects = await openFilesStore({ directory, shared: true });
  return { objects, [Symbol.asyncDispose]: () => objects.close() };
}
