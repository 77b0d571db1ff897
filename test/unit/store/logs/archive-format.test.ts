import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAME_DATA_MAX, decodeArchive, encodeArchive } from '../../../../store/logs/archive-format.ts';
import type { ArchivedChunk } from '../../../../store/logs/archive-format.ts';

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield item;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The encoded bytes, cut anew into pieces of `size`: a store gives them back as it likes. */
async function recut(chunks: readonly ArchivedChunk[], size: number): Promise<Uint8Array[]> {
  const whole = Buffer.concat(await collect(encodeArchive(each(chunks))));
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
    whole.subarray(index * size, (index + 1) * size),
  );
}

const chunk = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  at: fc.nat(2 ** 47),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
});

test('archive: any chunks come back with their bytes, streams and times, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(chunk), fc.integer({ min: 1, max: 500 }), async (chunks, size) => {
      const back = await collect(decodeArchive(each(await recut(chunks, size))));
      expect(back.map(({ stream, at, bytes }) => ({ stream, at, bytes: [...bytes] }))).toEqual(
        chunks.map(({ stream, at, bytes }) => ({ stream, at, bytes: [...bytes] })),
      );
    }),
  );
});

test('archive: a chunk larger than a frame comes back whole, in several frames', async () => {
  const bytes = Buffer.alloc(FRAME_DATA_MAX * 2 + 17, 7);
  const back = await collect(decodeArchive(each(await recut([{ stream: 'stderr', at: 5, bytes }], 100_000))));
  expect(back.length).toBe(3);
  expect(Buffer.concat(back.map((each) => each.bytes)).equals(bytes)).toBe(true);
});

test.each([
  ['an empty file', (): Uint8Array[] => []],
  ['something else', () => [Buffer.from('hello, world')]],
  ['a newer version', () => [Buffer.from('GOFERLG\u0009')]],
])('archive: %s is refused', async (_name, pieces) => {
  await expect(collect(decodeArchive(each(pieces())))).rejects.toMatchObject({ code: 'internal' });
});

test('archive: one that ends in the middle of a frame is refused after what is whole', async () => {
  const pieces = await recut([{ stream: 'stdout', at: 1, bytes: Buffer.from('abcdef') }], 1_000);
  const cut = pieces.map((piece) => piece.subarray(0, piece.length - 2));
  await expect(collect(decodeArchive(each(cut)))).rejects.toMatchObject({ detail: 'it ends too early' });
});
