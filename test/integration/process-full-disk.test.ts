// The process engine on a disk that becomes full: starts and ends are delayed or recorded, none is lost, none is doubled.

import { describe, expect, test } from 'vitest';
import type { Engine } from '../../scheduler/engines/port.ts';
import { openProcessEngine } from '../../scheduler/engines/process/process-engine.ts';
import { aSpec, freshId, lookupOne, readLog, submit, whenEnded, whenPrinted } from '../conformance/engine-world.ts';
import { eventually } from '../eventually.ts';
import { canMount, smallDisk } from '../small-disk.ts';
import type { SmallDisk } from '../small-disk.ts';

const MIB = 1_048_576;
const SILENT = { info: () => undefined, warn: () => undefined };

async function onSmallDisk(use: (engine: Engine, disk: SmallDisk) => Promise<void>): Promise<void> {
  await using disk = await smallDisk(2 * MIB);
  const engine = await openProcessEngine({ dataDir: disk.path, log: SILENT, now: Date.now, hostEnv: process.env });
  try {
    await use(engine, disk);
  } finally {
    await engine.close();
  }
}

const script = (text: string) => ({ image: '', entrypoint: ['/bin/sh', '-c'], command: [text] });

describe.skipIf(!canMount())('process engine on a full disk', () => {
  test('a body that fills it with its output is told so by its own writes, ends, and its log is what there was room for', async () => {
    await onSmallDisk(async (engine) => {
      const id = freshId();
      await submit(engine, aSpec(id, script('head -c 5000000 /dev/zero; echo "head: $?" >&2; exit 6')));
      expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 6 });
      const { stdout } = await readLog(engine, id);
      expect(stdout.length).toBeGreaterThan(MIB);
      expect(stdout.every((byte) => byte === 0)).toBe(true);
      await engine.forget(id);
      const next = freshId();
      await submit(engine, aSpec(next, script('echo fine')));
      expect((await whenEnded(engine, next)).end).toEqual({ kind: 'exited', code: 0 });
      expect((await readLog(engine, next)).stdout.toString()).toBe('fine\n');
    });
  });

  test('a body that ends while it is full: its end is recorded at once', async () => {
    await onSmallDisk(async (engine, disk) => {
      const id = freshId();
      await submit(engine, aSpec(id, script(`trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done`)));
      await whenPrinted(engine, id, 'ready');
      disk.fill();
      await engine.stop(id, { graceMs: 60_000 });
      expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 5 });
    });
  });

  test('a start is refused as unavailable, nothing is claimed, and it succeeds once there is room', async () => {
    await onSmallDisk(async (engine, disk) => {
      const id = freshId();
      const spec = aSpec(id, script('echo once'));
      disk.fill();
      await expect(submit(engine, spec)).rejects.toMatchObject({ code: 'unavailable' });
      expect((await lookupOne(engine, id)).state).toBe('unknown');
      disk.makeRoom();
      await eventually(async () => expect(['running', 'ended']).toContain((await submit(engine, spec)).state));
      expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 0 });
      expect((await readLog(engine, id)).stdout.toString()).toBe('once\n');
    });
  });
});
