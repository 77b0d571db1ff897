import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../../../../scheduler/engines/port.ts';
import type { AttemptId } from '../../../../../store/model/ids.ts';
import { processWorld } from '../../../../conformance/engine-process-world.ts';
import type { ProcessWorld } from '../../../../conformance/engine-process-world.ts';
import {
  aSpec,
  freshId,
  lookupOne,
  readLog,
  submit,
  whenEnded,
  whenPrinted,
} from '../../../../conformance/engine-world.ts';

let world: ProcessWorld;
let engine: Engine;
beforeAll(async () => {
  world = await processWorld();
  engine = await world.open();
});
afterAll(async () => {
  await engine.close();
  await world.dispose();
});

const command = (...words: readonly string[]) => ({ image: '', entrypoint: null, command: words });

async function outputOf(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const id = freshId();
  await submit(engine, aSpec(id, command(...words), env));
  await whenEnded(engine, id);
  return (await readLog(engine, id)).stdout.toString();
}

describe('the place', () => {
  test('nodes that open a new directory at the same time agree on its identity, and it stays', async () => {
    const other = await processWorld();
    const engines = await Promise.all(Array.from({ length: 5 }, () => other.open()));
    const [first = '', ...more] = await Promise.all(engines.map((each) => each.identity()));
    expect(more).toEqual([first, first, first, first]);
    await Promise.all(engines.map((each) => each.close()));
    const again = await other.open();
    expect(await again.identity()).toBe(first);
    await again.close();
    await other.dispose();
  });

  test('another directory of the same machine is another place', async () => {
    const other = await processWorld();
    const there = await other.open();
    expect(await there.identity()).not.toBe(await engine.identity());
    await there.close();
    await other.dispose();
  });
});

describe('what a body is given', () => {
  test('the variables of the task, PATH and HOME, and nothing else of the server', async () => {
    process.env['SERVER_SECRET'] = 'do not tell';
    const out = await outputOf(['cat', '/proc/self/environ'], { MINE: 'yes', HOME: '/mine' });
    const names = out.split('\0').filter((line) => line !== '');
    expect(names.filter((line) => !line.startsWith('SUITE_ATTEMPT=')).sort()).toEqual(
      ['HOME=/mine', 'MINE=yes', `PATH=${process.env['PATH']}`].sort(),
    );
  });

  test('variables that a shell uses itself', async () => {
    const env = {
      IFS: 'a',
      PWD: '/nowhere',
      PS1: '$(id)',
      ENV: '/x',
      seq: '9',
      id: 'x',
      isolate: '/x',
      base: '/x',
      body: 'b',
    };
    const out = await outputOf(['cat', '/proc/self/environ'], env);
    expect(out.split('\0')).toEqual(
      expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)),
    );
  });

  test('an empty directory of its own, no input, no open files of ours', async () => {
    expect(await outputOf(['pwd'])).toMatch(/\/attempts\/suite_.*\/work\n$/);
    expect(await outputOf(['ls', '-A'])).toBe('');
    const listing = ['-c', 'cd /proc/self/fd && echo *'];
    expect(await outputOf(['sh', ...listing])).toBe(execFileSync('sh', listing, { encoding: 'utf8' }));
  });

  test('a process group and session of its own', async () => {
    const [, , , , group, session] = (await outputOf(['cat', '/proc/self/stat'])).split(' ');
    const [pid] = (await outputOf(['cat', '/proc/self/stat'])).split(' ');
    expect(group).toBe(session);
    expect(group).not.toBe(pid);
  });

  test('values are in no file and in no argument list', async () => {
    const id = freshId();
    const value = `hidden-${id}-value`;
    await submit(engine, aSpec(id, world.script(id, 'echo ready; sleep 60'), { SECRET: value }));
    await whenPrinted(engine, id, 'ready');
    const lines = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readOr(`/proc/${pid}/cmdline`));
    const files = readdirSync(world.dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readOr(join(entry.parentPath, entry.name)));
    expect([...lines, ...files].filter((text) => text.includes(value))).toEqual([]);
    expect(files.length).toBeGreaterThan(0);
    await engine.stop(id, { graceMs: 0 });
  });
});

describe('not started', () => {
  const file = (name: string, text: string) => {
    const path = join(world.dataDir, name);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  };

  test.each([
    { name: 'no command', words: () => [], why: /neither entrypoint nor command/ },
    { name: 'a missing path', words: () => ['/no/such/file'], why: /"\/no\/such\/file" was not found/ },
    { name: 'a file without the right to run', words: () => [file('plain', 'x')], why: /plain" is not executable/ },
    { name: 'a directory', words: () => [world.dataDir], why: /was not found/ },
    { name: 'a name with an option in front', words: () => ['--fork', 'true'], why: /"--fork" was not found/ },
    { name: 'an argument that no system takes', words: () => ['true', 'x'.repeat(300_000)], why: /too long/ },
  ])('$name', async ({ words, why }) => {
    const id = freshId();
    await submit(engine, aSpec(id, command(...words())));
    const { end, startedAt } = await whenEnded(engine, id);
    expect(end.kind === 'not_started' ? end.why : end.kind).toMatch(why);
    expect(startedAt).toBe(0);
  });

  test("the task's own PATH decides", async () => {
    const id = freshId();
    await submit(engine, aSpec(id, command('true'), { PATH: '/no/where' }));
    expect((await whenEnded(engine, id)).end.kind).toBe('not_started');
  });

  test('entrypoint and command are joined', async () => {
    const id = freshId();
    await submit(engine, aSpec(id, { image: '', entrypoint: ['printf', '%s-'], command: ['a', 'b'] }));
    await whenEnded(engine, id);
    expect((await readLog(engine, id)).stdout.toString()).toBe('a-b-');
  });
});

describe('a disk in trouble', () => {
  test.each(['claims', 'attempts'])(
    '%s cannot be written: unavailable, nothing remembered, later it works',
    async (name) => {
      const id = freshId();
      const spec = aSpec(id, world.script(id, 'exit 0'));
      const place = join(world.dataDir, name);
      renameSync(place, `${place}.away`);
      writeFileSync(place, 'in the way');
      try {
        await expect(submit(engine, spec)).rejects.toMatchObject({ code: 'unavailable' });
      } finally {
        rmSync(place);
        renameSync(`${place}.away`, place);
      }
      expect((await lookupOne(engine, id)).state).toBe('unknown');
      expect(await world.starts(id)).toBe(0);
      await submit(engine, spec);
      expect((await whenEnded(engine, id)).end).toEqual({ kind: 'exited', code: 0 });
      expect(await world.starts(id)).toBe(1);
    },
  );
});

describe('forget', () => {
  const DAY_MS = 24 * 3_600_000;

  test('leaves no file but the tombstone, which goes after a week', async () => {
    const id = freshId();
    const spec = aSpec(id, world.script(id, 'exit 0'));
    let shift = 0;
    const later = await processWorld({ now: () => Date.now() + shift });
    try {
      const first = await later.open();
      await submit(first, aSpec(id, command('true')));
      await whenEnded(first, id);
      await first.forget(id);
      await first.close();
      expect(readdirSync(join(later.dataDir, 'attempts'))).toEqual([]);
      shift = 6 * DAY_MS;
      const second = await later.open();
      await second.tidy();
      expect((await submit(second, spec)).state).toBe('unknown');
      await second.close();
      shift = 8 * DAY_MS;
      const third = await later.open();
      await third.tidy();
      expect(readdirSync(join(later.dataDir, 'claims'))).toEqual([]);
      await third.close();
    } finally {
      await later.dispose();
    }
  });

  test('what a kill in the middle left is tidied away', async () => {
    const id = freshId();
    await submit(engine, aSpec(id, command('true')));
    await whenEnded(engine, id);
    await engine.forget(id);
    mkdirSync(join(world.dataDir, 'attempts', id));
    await engine.tidy();
    expect(existsSync(join(world.dataDir, 'attempts', id))).toBe(false);
  });

  test('a directory without a claim stays for a day: its launch may be on its way', async () => {
    let shift = 0;
    const later = await processWorld({ now: () => Date.now() + shift });
    const opened = await later.open();
    try {
      const directory = join(later.dataDir, 'attempts', freshId());
      mkdirSync(join(directory, 'work'), { recursive: true });
      await opened.tidy();
      expect(existsSync(directory)).toBe(true);
      shift = 1.1 * DAY_MS;
      await opened.tidy();
      expect(existsSync(directory)).toBe(false);
    } finally {
      await opened.close();
      await later.dispose();
    }
  });

  test('tidying leaves attempts alone that were not forgotten, however old', async () => {
    const id = freshId();
    const later = await processWorld({ now: () => Date.now() + 400 * DAY_MS });
    const opened = await later.open();
    try {
      await submit(opened, aSpec(id, command('true')));
      const ended = await whenEnded(opened, id);
      await opened.tidy();
      expect(await lookupOne(opened, id)).toEqual(ended);
    } finally {
      await opened.close();
      await later.dispose();
    }
  });

  test('a running attempt is not forgotten', async () => {
    const id = freshId();
    await submit(engine, aSpec(id, command('sleep', '60')));
    await engine.forget(id);
    expect((await lookupOne(engine, id)).state).toBe('running');
    await engine.stop(id, { graceMs: 0 });
    await whenEnded(engine, id);
  });
});

test('what the engine does not do is said once', async () => {
  const spec = (id: AttemptId) => ({
    ...aSpec(id, command('true')),
    image: 'busybox',
    resources: { cpuMillis: 1, memoryMib: 1 },
  });
  await submit(engine, spec(freshId()));
  await submit(engine, spec(freshId()));
  expect(world.logged.filter((line) => line.includes('uses no images'))).toHaveLength(1);
  expect(world.logged.filter((line) => line.includes('does not enforce cpu'))).toHaveLength(1);
});

function readOr(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
