// What every secret store behind store/secrets/port.ts must do.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SecretStore } from '../../store/secrets/port.ts';
import { SECRET_BYTES_MAX } from '../../store/secrets/port.ts';

export interface SecretWorld {
  readonly store: SecretStore;
  dispose(): Promise<void>;
}

export function describeSecretStore(name: string, factory: () => Promise<SecretWorld>): void {
  describe(`${name} secrets`, () => {
    let world: SecretWorld | undefined;
    beforeAll(async () => {
      world = await factory();
    });
    afterAll(() => world?.dispose());
    const store = () => {
      if (world === undefined) throw new Error('the world is made before the first test');
      return world.store;
    };
    valueTests(store);
    nameTests(store);
  });

  test(`${name} secrets: a closed store refuses every call`, async () => {
    const { store, dispose } = await factory();
    await store.close();
    for (const call of [store.put('a', 'b'), store.get('a'), store.delete('a')]) {
      await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    }
    await dispose();
  });
}

type Store = () => SecretStore;

function valueTests(store: Store): void {
  test('a value is read back as it was put', async () => {
    await store().put('values/a', 'hunter2');
    expect(await store().get('values/a')).toBe('hunter2');
  });

  test.each([
    { title: 'nothing', value: '' },
    { title: 'line ends and zeros', value: '\r\n\0 end \n' },
    { title: 'characters beyond the first plane', value: 'schlüssel 鍵 🔑' },
    { title: 'the largest', value: 'x'.repeat(SECRET_BYTES_MAX) },
  ])('a value may be $title', async ({ value }) => {
    await store().put('values/odd', value);
    expect(await store().get('values/odd')).toBe(value);
  });

  test('any text comes back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 2_000 }), async (value) => {
        await store().put('values/any', value);
        expect(await store().get('values/any')).toBe(value);
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    { title: 'ASCII', value: 'x'.repeat(SECRET_BYTES_MAX + 1) },
    { title: 'two-byte characters', value: 'ä'.repeat(SECRET_BYTES_MAX / 2 + 1) },
  ])('one byte more than the largest is refused, $title, and what was there stays', async ({ value }) => {
    await store().put('values/large', 'small');
    await expect(store().put('values/large', value)).rejects.toMatchObject({ code: 'limit' });
    expect(await store().get('values/large')).toBe('small');
  });

  test('half a character is refused: it would come back as another', async () => {
    await expect(store().put('values/half', 'a\ud800b')).rejects.toMatchObject({ code: 'invalid' });
    expect(await store().get('values/half')).toBeNull();
  });

  test('a put replaces', async () => {
    await store().put('values/twice', 'first');
    await store().put('values/twice', 'second');
    expect(await store().get('values/twice')).toBe('second');
  });

  test('what is absent is null, and can be deleted', async () => {
    expect(await store().get('values/absent')).toBeNull();
    await store().delete('values/absent');
  });

  test('what was deleted is gone, and can be put again', async () => {
    await store().put('values/gone', 'x');
    await store().delete('values/gone');
    expect(await store().get('values/gone')).toBeNull();
    await store().put('values/gone', 'y');
    expect(await store().get('values/gone')).toBe('y');
  });

  test('puts at once: each name has its own value, one name has one of them', async () => {
    const numbers = Array.from({ length: 50 }, (_, at) => at);
    await Promise.all(numbers.map((at) => store().put(`many/${at}`, `value ${at}`)));
    await Promise.all(numbers.map((at) => store().put('many/same', `value ${at}`)));
    const values = await Promise.all(numbers.map((at) => store().get(`many/${at}`)));
    expect(values).toEqual(numbers.map((at) => `value ${at}`));
    expect(await store().get('many/same')).toMatch(/^value \d+$/);
  });
}

function nameTests(store: Store): void {
  test('names that begin with each other are different secrets', async () => {
    const names = ['names/a', 'names/a/b', 'names/ab', 'names/a%2Fb', 'names/A'];
    for (const name of names) await store().put(name, name);
    for (const name of names) expect(await store().get(name)).toBe(name);
    await store().delete('names/a');
    expect(await store().get('names/a/b')).toBe('names/a/b');
  });

  test.each(['', 'a//b', '../a', 'a/..', '/a', 'a b', 'ä', 'n'.repeat(901)])('%j is no name', async (name) => {
    for (const call of [store().put(name, 'x'), store().get(name), store().delete(name)]) {
      await expect(call).rejects.toMatchObject({ code: 'invalid' });
    }
  });
}
