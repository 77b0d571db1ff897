// Puts that may only create: what lets several nodes copy one thing without harm.

import { expect, test } from 'vitest';
import type { Store } from './objects-world.ts';
import { chunksOf, namesOf, readAll, sha256 } from './objects-world.ts';

export function createOnlyTests(store: Store): void {
  const create = (name: string, ...parts: readonly string[]) =>
    store().put(name, chunksOf(...parts), { ifAbsent: true });

  test('a put that may only create makes the blob when there is none', async () => {
    expect(await create('only/new', 'first')).toEqual({ size: 5, sha256: sha256('first') });
    expect((await readAll(store(), 'only/new')).toString()).toBe('first');
  });

  test('it never replaces a blob, whichever is longer', async () => {
    await store().put('only/old', chunksOf('the whole of it'));
    await expect(create('only/old', 'cut')).rejects.toMatchObject({ code: 'conflict', outcome: 'not_applied' });
    await expect(create('only/old', 'much longer than the whole of it')).rejects.toMatchObject({ code: 'conflict' });
    expect((await readAll(store(), 'only/old')).toString()).toBe('the whole of it');
    expect(await namesOf(store(), 'only/old')).toEqual(['only/old']);
  });

  test('of many at once exactly one creates, and its blob stays whole', async () => {
    const bodies = Array.from({ length: 20 }, (_, at) => `${at} `.repeat(50_000));
    const puts = await Promise.allSettled(bodies.map((body) => create('only/race', body, 'end')));
    const winners = bodies.filter((_body, at) => puts[at]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect((await readAll(store(), 'only/race')).toString()).toBe(`${winners[0]}end`);
    for (const put of puts) if (put.status === 'rejected') expect(put.reason).toMatchObject({ code: 'conflict' });
  });

  test('it loses against a put that came while its body was read', async () => {
    async function* late(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      await store().put('only/late', chunksOf('there first'));
      yield Buffer.from('way');
    }
    await expect(store().put('only/late', late(), { ifAbsent: true })).rejects.toMatchObject({ code: 'conflict' });
    expect((await readAll(store(), 'only/late')).toString()).toBe('there first');
  });

  test('the name is free again after a delete and after a failed put', async () => {
    await create('only/free', 'one');
    await store().delete('only/free');
    await expect(store().put('only/free', chunksOf('12'), { ifAbsent: true, maxBytes: 1 })).rejects.toThrow();
    await create('only/free', 'two');
    expect((await readAll(store(), 'only/free')).toString()).toBe('two');
    await store().put('only/free', chunksOf('three'));
    expect((await readAll(store(), 'only/free')).toString()).toBe('three');
  });
}
