// Nodes of one machine as processes of their own on one attempts directory: they submit the same ids at the same time, and some die.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { RunningScript } from '../child-script.ts';
import { childScript } from '../child-script.ts';
import { processWorld } from '../conformance/engine-process-world.ts';
import { freshId, readLog, whenEnded, whenRunning } from '../conformance/engine-world.ts';

const BODIES = 40;

test('of ids that several nodes submit at once, some being killed on the way, each is one body that is seen to its end', async () => {
  await using script = await childScript('integration/process-node.ts');
  await using world = await disposable();
  const traces = join(world.dataDir, '..', 'started');
  const ids = Array.from({ length: BODIES }, () => freshId());
  const text = `echo "$SUITE_ATTEMPT" >> '${traces}'; echo said by $SUITE_ATTEMPT; sleep 0.2; exit 3`;
  const node = (offset: number) => script.start(world.dataDir, text, String(offset), ...ids);
  const nodes = [node(0), node(13), node(26)];
  // The first dies as soon as it has started something, the second a little later; the third stays.
  await Promise.all([linesOf(nodes[0], 2), linesOf(nodes[1], 10), linesOf(nodes[2], BODIES + 2)]);
  await Promise.all(nodes.slice(0, 2).map((each) => each.kill()));
  const engine = await world.open();
  for (const id of ids) {
    expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 3 });
    expect((await readLog(engine, id)).stdout.toString()).toBe(`said by ${id}\n`);
  }
  expect(readFileSync(traces, 'utf8').trim().split('\n').toSorted()).toEqual(ids.toSorted());
  await nodes[2]?.kill();
  await engine.close();
});

test('a body outlives the kill of its node: another one follows its log, runs a process beside it and stops it', async () => {
  await using script = await childScript('integration/process-node.ts');
  await using world = await disposable();
  const id = freshId();
  const text = `trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.05; done`;
  const engine = await world.open();
  const dying = script.start(world.dataDir, text, '0', id);
  await linesOf(dying, 3);
  await dying.kill();
  await whenRunning(engine, id);
  const following = readLog(engine, id, { follow: true });
  expect(await beside(engine, id)).toBe('beside\n');
  await engine.stop(id, { graceMs: 60_000 });
  expect((await following).stdout.toString()).toBe('hello\nbye\n');
  expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 7 });
  await engine.close();
});

async function disposable() {
  const world = await processWorld();
  return { ...world, [Symbol.asyncDispose]: () => world.dispose() };
}

/** Waits until the node has told so many lines, and leaves the rest alone. */
async function linesOf(node: RunningScript | undefined, count: number): Promise<void> {
  let seen = 0;
  for await (const _line of node?.lines ?? []) {
    seen += 1;
    if (seen >= count) return;
  }
}

async function beside(engine: Engine, id: Parameters<Engine['exec']>[0]): Promise<string> {
  const { signal } = new AbortController();
  const session = await engine.exec(id, { command: ['/bin/sh', '-c', 'echo beside'], terminal: null, signal });
  const parts: Uint8Array[] = [];
  for await (const { bytes } of session.output) parts.push(Buffer.from(bytes));
  await session.close();
  return Buffer.concat(parts).toString();
}
