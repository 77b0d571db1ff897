// What every object store behind store/objects/port.ts must do.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppError } from '../../store/model/errors.ts';
import { createOnlyTests } from './objects-suite-create.ts';
import type { ObjectWorld, Store } from './objects-world.ts';
import { chunksOf, namesOf, readAll, sha256 } from './objects-world.ts';

const LONG = 'x'.repeat(255);
/** Larger than what any backend would hold in one piece. */
const LARGE_BYTES = 40 * 1024 * 1024;

export function describeObjectStore(name: string, factory: () => Promise<ObjectWorld>): void {
  inWorld(`${name} objects: bytes`, factory, byteTests);
  inWorld(`${name} objects: ranges`, factory, rangeTests);
  inWorld(`${name} objects: names`, factory, nameTests);
  inWorld(`${name} objects: failed puts`, factory, failedPutTests);
  inWorld(`${name} objects: create-only`, factory, createOnlyTests);
  inWorld(`${name} objects: at once`, factory, concurrencyTests);
}

function byteTests(store: Store): void {
  test('what was put is read back, with its size and hash', async () => {
    const info = await store().put('bytes/a', chunksOf('hello ', 'world'));
    expect(info).toEqual({ size: 11, sha256: sha256('hello world') });
    expect(await store().stat('bytes/a')).toEqual(info);
    expect(await store().open('bytes/a')).toMatchObject(info);
    expect((await readAll(store(), 'bytes/a')).toString()).toBe('hello world');
  });

  test.each([
    { title: 'no chunk at all', parts: [] },
    { title: 'an empty chunk', parts: [new Uint8Array()] },
  ])('an empty blob exists: $title', async ({ parts }) => {
    await store().put('bytes/empty', chunksOf(...parts));
    expect(await store().stat('bytes/empty')).toEqual({ size: 0, sha256: sha256('') });
    expect(await readAll(store(), 'bytes/empty')).toHaveLength(0);
  });

  test('any bytes in any chunks come back as they were', async () => {
    const chunk = fc.uint8Array({ maxLength: 100_000, size: 'max' });
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 4 }), async (parts) => {
        const whole = Buffer.concat(parts);
        const info = await store().put('bytes/any', chunksOf(...parts));
        expect(info).toEqual({ size: whole.length, sha256: sha256(whole) });
        expect((await readAll(store(), 'bytes/any')).equals(whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('a source may use its buffer again for the next chunk', async () => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = Buffer.alloc(3);
      for (const text of ['abc', 'def', 'ghi']) {
        buffer.write(text);
        yield buffer;
      }
    }
    await store().put('bytes/reused', reusing());
    expect((await readAll(store(), 'bytes/reused')).toString()).toBe('abcdefghi');
  });

  test('a large blob passes through without being held in memory', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'gofer');
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < LARGE_BYTES; sent += chunk.length) yield chunk;
    }
    await store().put('bytes/large', body());
    const hash = createHash('sha256');
    let largest = 0;
    const { body: read, sha256: wanted } = await store().open('bytes/large');
    for await (const part of read) {
      hash.update(part);
      largest = Math.max(largest, part.length);
    }
    expect(hash.digest('hex')).toBe(wanted);
    expect(largest).toBeLessThanOrEqual(1024 * 1024);
    await store().delete('bytes/large');
  });

  test('a put replaces what was there', async () => {
    await store().put('bytes/twice', chunksOf('the first, and longer one'));
    await store().put('bytes/twice', chunksOf('second'));
    expect((await readAll(store(), 'bytes/twice')).toString()).toBe('second');
    expect(await store().stat('bytes/twice')).toEqual({ size: 6, sha256: sha256('second') });
  });

  test('a reader goes on with the blob that it opened when the name is overwritten', async () => {
    const old = Buffer.alloc(1_000_000, 'old');
    await store().put('bytes/open', chunksOf(old));
    const { body } = await store().open('bytes/open');
    await store().put('bytes/open', chunksOf('new'));
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    expect(Buffer.concat(parts).equals(old)).toBe(true);
  });

  test('a reader may stop half-way, or never begin', async () => {
    await store().put('bytes/left', chunksOf(Buffer.alloc(1_000_000)));
    for await (const part of (await store().open('bytes/left')).body) if (part.length > 0) break;
    await store().open('bytes/left');
    expect(await readAll(store(), 'bytes/left')).toHaveLength(1_000_000);
  });

  test('what is absent has no stat, cannot be opened, and can be deleted', async () => {
    expect(await store().stat('bytes/absent')).toBeNull();
    await expect(store().open('bytes/absent')).rejects.toMatchObject({ code: 'not_found' });
    await store().delete('bytes/absent');
  });

  test('what was deleted is gone', async () => {
    await store().put('bytes/gone', chunksOf('x'));
    await store().delete('bytes/gone');
    expect(await store().stat('bytes/gone')).toBeNull();
    expect(await namesOf(store(), 'bytes/gone')).toEqual([]);
  });
}

function rangeTests(store: Store): void {
  const small = Buffer.from('0123456789');
  const large = Buffer.from(Array.from({ length: 600_000 }, (_, at) => at % 251));
  const ranges = [
    { start: 0 },
    { start: 3 },
    { start: 2, end: 5 },
    { start: 5, end: 5 },
    { start: 4, end: 2 },
    { start: 10 },
    { start: 99, end: 200 },
    { start: 7, end: 1_000_000 },
    { start: 262_143, end: 524_289 },
    { start: 599_999, end: 600_000 },
  ];
  const cases = [
    { title: 'small', bytes: small },
    { title: 'large', bytes: large },
  ].flatMap(({ title, bytes }) => ranges.map((range) => ({ title, bytes, range })));

  beforeAll(async () => {
    await store().put('ranges/small', chunksOf(small));
    await store().put('ranges/large', chunksOf(large));
  });

  test.each(cases)('$title blob, $range: the bytes of it that there are', async ({ title, bytes, range }) => {
    const read = await readAll(store(), `ranges/${title}`, range);
    const end = 'end' in range ? range.end : undefined;
    expect(read.equals(bytes.subarray(range.start, end === undefined ? undefined : Math.max(range.start, end)))).toBe(
      true,
    );
  });

  test('a range leaves size and hash those of the whole blob', async () => {
    const opened = await store().open('ranges/small', { range: { start: 2, end: 3 } });
    expect(opened).toMatchObject({ size: 10, sha256: sha256(small) });
  });

  test.each([{ start: -1 }, { start: 0.5 }, { start: 0, end: Number.NaN }])('%o is no range', async (range) => {
    await expect(store().open('ranges/small', { range })).rejects.toMatchObject({ code: 'invalid' });
  });
}

function nameTests(store: Store): void {
  test.each([
    { title: 'the longest segment', name: `names/${LONG}` },
    { title: 'a long segment in the middle', name: `names/${LONG}/log` },
    { title: 'as long as a name may be', name: `names/${`${'y'.repeat(88)}/`.repeat(10)}zzzz` },
    { title: 'many levels', name: `names/${'d/'.repeat(300)}end` },
    { title: 'every kind of character', name: 'names/A.b_c-d%2F..%00' },
    { title: 'dots', name: 'names/.../..a/.b' },
  ])('a name may have $title', async ({ name }) => {
    await store().put(name, chunksOf(name));
    expect((await readAll(store(), name)).toString()).toBe(name);
    expect(await namesOf(store(), name)).toEqual([name]);
    await store().delete(name);
    expect(await namesOf(store(), name)).toEqual([]);
  });

  test.each(['', '/', 'a//b', '/a', 'a/', '.', '..', 'a/../b', './a', 'a b', 'a\\b', 'ä', 'a\0b', 'n'.repeat(901)])(
    '%j is no name',
    async (name) => {
      await expect(store().put(name, chunksOf('x'))).rejects.toMatchObject({ code: 'invalid' });
      await expect(store().open(name)).rejects.toMatchObject({ code: 'invalid' });
    },
  );

  test('a name that another name begins with is another blob', async () => {
    const names = ['levels/a', 'levels/a/b', 'levels/a/b/c', 'levels/ab'];
    for (const name of names) await store().put(name, chunksOf(name));
    for (const name of names) expect((await readAll(store(), name)).toString()).toBe(name);
    await store().delete('levels/a/b');
    expect(await namesOf(store(), 'levels/')).toEqual(['levels/a', 'levels/a/b/c', 'levels/ab']);
  });

  test('long names that differ only at their end are different blobs', async () => {
    const names = [`ends/${LONG.slice(1)}a`, `ends/${LONG.slice(1)}b`];
    for (const name of names) await store().put(name, chunksOf(name));
    for (const name of names) expect((await readAll(store(), name)).toString()).toBe(name);
  });

  const listed = ['list/a', 'list/ab', 'list/a/b', 'list/a/c/d', `list/${LONG}`, `list/${LONG}/in`, 'list/b', 'lists'];
  test.each([
    ...['', 'l', 'list', 'list/', 'list/a', 'list/a/', 'list/a/c', 'list/a/c/d', 'list/z', 'list/a/b/', 'nothing/here'],
    ...[`list/${LONG.slice(0, 50)}`, `list/${LONG.slice(0, 150)}`, `list/${LONG}`, `list/${LONG}/`, `list/${LONG}x`],
    ...['list/../list/', 'list//', '../', 'a b'],
  ])('list of %j: exactly the names that begin so', async (prefix) => {
    for (const name of listed) if ((await store().stat(name)) === null) await store().put(name, chunksOf(name));
    const found = (await namesOf(store(), prefix)).filter((name) => listed.includes(name));
    expect(found).toEqual(listed.filter((name) => name.startsWith(prefix)).sort());
  });

  test('a list may be left half-way', async () => {
    for (const name of ['half/a', 'half/b', 'half/c']) await store().put(name, chunksOf(name));
    for await (const name of store().list('half/')) {
      expect(name.startsWith('half/')).toBe(true);
      break;
    }
    expect(await namesOf(store(), 'half/')).toEqual(['half/a', 'half/b', 'half/c']);
  });
}

function failedPutTests(store: Store): void {
  async function* failing(error: Error): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(100_000, 'n');
    throw error;
  }
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(10_000, 'n');
  }
  /** Gives one chunk, then nothing and no end. */
  async function* hanging(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(100_000, 'n');
    await new Promise(() => {});
  }

  const ways: readonly { readonly title: string; readonly put: (name: string) => Promise<unknown> }[] = [
    { title: 'the body fails', put: (name) => store().put(name, failing(new Error('torn'))) },
    { title: 'the body is too large', put: (name) => store().put(name, endless(), { maxBytes: 65_537 }) },
    {
      title: 'it was aborted before',
      put: (name) => store().put(name, endless(), { signal: AbortSignal.abort(new Error('over')) }),
    },
    {
      title: 'it is aborted while the body hangs',
      put: (name) => {
        const control = new AbortController();
        const put = store().put(name, hanging(), { signal: control.signal });
        setImmediate(() => control.abort(new Error('over')));
        return put;
      },
    },
  ];

  test.each(ways)('$title: nothing is under a new name', async ({ put }) => {
    await expect(put('failed/new')).rejects.toThrow();
    expect(await store().stat('failed/new')).toBeNull();
    expect(await namesOf(store(), 'failed/new')).toEqual([]);
  });

  test.each(ways)('$title: the old blob stays whole', async ({ put }) => {
    await store().put('failed/old', chunksOf('precious'));
    await expect(put('failed/old')).rejects.toThrow();
    expect((await readAll(store(), 'failed/old')).toString()).toBe('precious');
  });

  test('each failure is told as what it is', async () => {
    const own = new AppError('denied', 'No.');
    await expect(store().put('failed/why', failing(own))).rejects.toBe(own);
    const reason = new Error('over');
    await expect(store().put('failed/why', endless(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(store().put('failed/why', chunksOf('1234'), { maxBytes: 3 })).rejects.toMatchObject({ code: 'limit' });
  });

  test('a body of exactly maxBytes is accepted', async () => {
    await expect(store().put('failed/fits', chunksOf('12', '34'), { maxBytes: 4 })).resolves.toMatchObject({ size: 4 });
  });

  test('a source is told when its body is not wanted any more', async () => {
    let told = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(1_000);
      } finally {
        told = true;
      }
    }
    await expect(store().put('failed/told', body(), { maxBytes: 5_000 })).rejects.toThrow();
    await expect.poll(() => told).toBe(true);
  });
}

function concurrencyTests(store: Store): void {
  test('thousands of blobs on one level, put many at a time, are all there', async () => {
    const wanted = Array.from({ length: 2_000 }, (_, number) => `many/${String(number).padStart(6, '0')}`);
    const left = [...wanted];
    const worker = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await store().put(name, chunksOf(name));
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    expect(await namesOf(store(), 'many/')).toEqual(wanted);
    expect((await readAll(store(), 'many/001234')).toString()).toBe('many/001234');
  });

  test('puts of one name at once: the blob is one of them, whole', async () => {
    const bodies = Array.from({ length: 20 }, (_, at) => `${at}`.repeat(5_000));
    await Promise.all(bodies.map((body) => store().put('race/put', chunksOf(body))));
    expect(bodies).toContain((await readAll(store(), 'race/put')).toString());
  });

  test('puts next to deletes that empty the same level never fail', async () => {
    const round = async (lane: number) => {
      for (let turn = 0; turn < 15; turn += 1) {
        const name = `busy/level/below/${lane}`;
        await store().put(name, chunksOf(`${lane} ${turn}`));
        expect((await readAll(store(), name)).toString()).toBe(`${lane} ${turn}`);
        await store().delete(name);
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, lane) => round(lane)));
    expect(await namesOf(store(), 'busy/')).toEqual([]);
  });
}

function inWorld(title: string, factory: () => Promise<ObjectWorld>, tests: (store: Store) => void): void {
  describe(title, () => {
    let world: ObjectWorld | undefined;
    beforeAll(async () => {
      world = await factory();
    });
    afterAll(() => world?.dispose());
    tests(() => {
      if (world === undefined) throw new Error('the world is made before the first test');
      return world.store;
    });
  });
}

/** Apart from the groups, since it ends the store. */
export function describeClosedObjectStore(name: string, factory: () => Promise<ObjectWorld>): void {
  test(`${name} objects: closing fails the puts at work, and later calls are refused`, async () => {
    const { store, dispose } = await factory();
    const hanging = (async function* () {
      yield Buffer.from('x');
      await new Promise(() => {});
    })();
    const put = store.put('closing', hanging);
    const failed = expect(put).rejects.toMatchObject({ code: 'unavailable' });
    await store.close();
    await failed;
    await expect(store.put('closed', chunksOf('x'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.stat('closed')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(namesOf(store, '')).rejects.toMatchObject({ code: 'unavailable' });
    await dispose();
  });
}
