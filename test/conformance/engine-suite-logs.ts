// Logs: two streams, any bytes, read from any position, followed to the end.

import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { AttemptId } from '../../store/model/ids.ts';
import type { EngineTestScope } from './engine-world.ts';
import { aSpec, freshId, readLog, submit, whenEnded, whenPrinted } from './engine-world.ts';

const KIB = 1_024;
const MIB = 1_048_576;

export function logByteTests({ engine, world }: EngineTestScope): void {
  async function logOf(text: string): Promise<{ readonly stdout: Buffer; readonly stderr: Buffer }> {
    const id = freshId();
    await submit(engine(), aSpec(id, world().script(id, text)));
    await whenEnded(engine(), id);
    const { stdout, stderr } = await readLog(engine(), id);
    return { stdout, stderr };
  }

  test('stdout and stderr are told apart', async () => {
    const log = await logOf('echo out 1; echo err 1 >&2; echo out 2');
    expect(log.stdout.toString()).toBe('out 1\nout 2\n');
    expect(log.stderr.toString()).toBe('err 1\n');
  });

  test('a silent body has an empty log', async () => {
    const log = await logOf('exit 0');
    expect([log.stdout.length, log.stderr.length]).toEqual([0, 0]);
  });

  test('binary bytes survive: NUL, invalid UTF-8, carriage returns, no final newline', async () => {
    const log = await logOf(String.raw`printf '\000\001\377\376\303(\r\n\200'; printf '\000\377' >&2`);
    expect([...log.stdout]).toEqual([0, 1, 255, 254, 195, 40, 13, 10, 128]);
    expect([...log.stderr]).toEqual([0, 255]);
  });

  test('a line of 1 MiB survives', async () => {
    const log = await logOf(`head -c ${MIB} /dev/zero | tr '\\000' a; echo; echo last`);
    expect(log.stdout.length).toBe(MIB + 6);
    expect(log.stdout.subarray(0, MIB).every((byte) => byte === 97)).toBe(true);
    expect(log.stdout.subarray(MIB).toString()).toBe('\nlast\n');
  });

  test('100 MiB are read whole, with flat memory', async () => {
    const id = freshId();
    const line = `${'x'.repeat(KIB - 1)}\n`;
    const text = `yes "$(head -c ${KIB - 1} /dev/zero | tr '\\000' x)" | head -c ${100 * MIB}`;
    await submit(engine(), aSpec(id, world().script(id, text)));
    await whenEnded(engine(), id, 60_000);
    const wanted = createHash('sha256');
    for (let n = 0; n < 100; n += 1) wanted.update(line.repeat(KIB));
    const seen = createHash('sha256');
    const before = memoryInUse();
    let [bytes, most] = [0, 0];
    for await (const chunk of engine().logs(id, { follow: true })) {
      seen.update(chunk.bytes);
      const looked = Math.floor(bytes / (10 * MIB));
      bytes += chunk.bytes.length;
      if (Math.floor(bytes / (10 * MIB)) > looked) most = Math.max(most, memoryInUse() - before);
    }
    expect([bytes, seen.digest('hex')]).toEqual([100 * MIB, wanted.digest('hex')]);
    expect(most).toBeLessThan(16 * MIB);
    await engine().forget(id);
  }, 120_000);

  test('lines of both streams keep their order in their stream', async () => {
    const log = await logOf('i=0; while [ $i -lt 2000 ]; do echo "o $i"; echo "e $i" >&2; i=$((i+1)); done');
    const wanted = (letter: string) => Array.from({ length: 2_000 }, (_, n) => `${letter} ${n}\n`).join('');
    expect(log.stdout.toString()).toBe(wanted('o'));
    expect(log.stderr.toString()).toBe(wanted('e'));
  });
}

export function logReadTests({ engine, world }: EngineTestScope): void {
  const start = (id: AttemptId, text: string) => submit(engine(), aSpec(id, world().script(id, text)));
  const untilTerm = `trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`;

  test('following delivers what comes later and stops at the end', async () => {
    const id = freshId();
    await start(id, untilTerm);
    await whenPrinted(engine(), id, 'ready');
    const following = readLog(engine(), id, { follow: true });
    await engine().stop(id, { graceMs: 60_000 });
    expect((await following).stdout.toString()).toBe('ready\nbye\n');
    expect((await whenEnded(engine(), id)).end).toEqual({ kind: 'exited', code: 0 });
  });

  test('without follow a running body is read up to now', async () => {
    const id = freshId();
    await start(id, untilTerm);
    await whenPrinted(engine(), id, 'ready');
    expect((await readLog(engine(), id, { follow: false })).stdout.toString()).toBe('ready\n');
    await engine().stop(id, { graceMs: 0 });
    await whenEnded(engine(), id);
  });

  test('following an ended attempt delivers all and stops', async () => {
    const id = freshId();
    await start(id, 'echo done');
    await whenEnded(engine(), id);
    expect((await readLog(engine(), id, { follow: true })).stdout.toString()).toBe('done\n');
  });

  test.each([
    { from: { stdout: 0, stderr: 0 }, stdout: '0123456789', stderr: 'abcdef' },
    { from: { stdout: 4, stderr: 0 }, stdout: '456789', stderr: 'abcdef' },
    { from: { stdout: 0, stderr: 5 }, stdout: '0123456789', stderr: 'f' },
    { from: { stdout: 10, stderr: 6 }, stdout: '', stderr: '' },
  ])('reading from $from delivers the rest of both streams', async ({ from, stdout, stderr }) => {
    const id = freshId();
    await start(id, 'printf 0123456789; printf abcdef >&2');
    await whenEnded(engine(), id);
    const log = await readLog(engine(), id, { from, follow: true });
    expect({ stdout: log.stdout.toString(), stderr: log.stderr.toString() }).toEqual({ stdout, stderr });
  });

  test('instants of chunks never go back and lie in the life of the body', async () => {
    const id = freshId();
    const before = Date.now();
    await start(id, 'echo a; sleep 0.4; echo b >&2; sleep 0.4; echo c');
    await whenEnded(engine(), id);
    const { instants } = await readLog(engine(), id);
    expect(instants.length).toBeGreaterThan(0);
    expect(instants).toEqual([...instants].sort((a, b) => a - b));
    expect(instants.every((at) => at >= before - 1_000 && at <= Date.now() + 1_000)).toBe(true);
  });

  test('a follower that aborts stops, and one that leaves early disturbs nobody', async () => {
    const id = freshId();
    await start(id, untilTerm);
    await whenPrinted(engine(), id, 'ready');
    const leaving = new AbortController();
    const left = readLog(engine(), id, { follow: true, signal: leaving.signal }).then(
      () => 'stopped',
      () => 'stopped',
    );
    leaving.abort();
    expect(await left).toBe('stopped');
    for await (const chunk of engine().logs(id, { follow: true })) if (chunk.bytes.length > 0) break;
    await engine().stop(id, { graceMs: 60_000 });
    await whenEnded(engine(), id);
    expect((await readLog(engine(), id)).stdout.toString()).toBe('ready\nbye\n');
  });

  test('a log that is forgotten while it is read is whole, or not found: never silently cut', async () => {
    const id = freshId();
    await start(id, `head -c ${8 * MIB} /dev/zero`);
    await whenEnded(engine(), id);
    let bytes = 0;
    try {
      for await (const chunk of engine().logs(id, { follow: true })) {
        if (bytes === 0) await engine().forget(id);
        bytes += chunk.bytes.length;
      }
      expect(bytes).toBe(8 * MIB);
    } catch (error) {
      expect(error).toMatchObject({ code: 'not_found' });
      expect(bytes).toBeGreaterThan(0);
    }
  });

  test('the log of an unknown or forgotten attempt is not found', async () => {
    await expect(readLog(engine(), freshId())).rejects.toMatchObject({ code: 'not_found' });
    const id = freshId();
    await start(id, 'echo x');
    await whenEnded(engine(), id);
    await engine().forget(id);
    await expect(readLog(engine(), id)).rejects.toMatchObject({ code: 'not_found' });
  });
}

/** Bytes that are really held: what a collector could take is taken first. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
