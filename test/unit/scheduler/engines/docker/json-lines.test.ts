import { expect, test } from 'vitest';
import { linesOf } from '../../../../../scheduler/engines/docker/json-lines.ts';

async function* pieces(...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(bytes)) lines.push(line);
  return lines;
}

test.each([
  { name: 'one piece', given: ['a\nb\n'], wanted: ['a', 'b'] },
  { name: 'cut in lines', given: ['{"a"', ':1}\n{"b', '":2}\n'], wanted: ['{"a":1}', '{"b":2}'] },
  { name: 'no last newline', given: ['a\nb'], wanted: ['a', 'b'] },
  { name: 'empty lines and carriage returns', given: ['a\r\n\r\n\nb\r\n'], wanted: ['a', 'b'] },
  { name: 'nothing', given: [], wanted: [] },
])('lines: $name', async ({ given, wanted }) => expect(await all(pieces(...given))).toEqual(wanted));

test('lines: a character cut in two is put together', async () => {
  const bytes = Buffer.from('grün\n');
  expect(await all(pieces(bytes.subarray(0, 3), bytes.subarray(3)))).toEqual(['grün']);
});

test('lines: a line without an end is given up', async () => {
  const endless = pieces(...Array.from({ length: 3 }, () => 'x'.repeat(600_000)));
  await expect(all(endless)).rejects.toMatchObject({ code: 'unavailable' });
});
