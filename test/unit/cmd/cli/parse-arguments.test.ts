// What users write, and what it stands for.

import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import * as parse from '../../../../cmd/cli/parse-arguments.ts';
import { readInput, textOfBytes } from '../../../../cmd/cli/read-input.ts';
import { byteWords } from '../../../../cmd/cli/text/bytes.ts';

const usage = (message: RegExp) =>
  expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) as string }) as Error;

describe('numbers', () => {
  test.each([
    ['7', 7],
    ['#7', 7],
  ])('a run may be written %s', (text, run) => {
    expect(parse.runNumber(text)).toBe(run);
  });

  test.each(['', '0', '-1', '1.5', '1e3', 'seven', '##7', '9007199254740993'])('a run is not written %j', (text) => {
    expect(() => parse.runNumber(text)).toThrow(usage(/^run: expected a whole number from 1/));
  });

  test('a version may be written v3, and the newest is latest', () => {
    expect([parse.versionNumber('3'), parse.versionNumber('v3'), parse.versionNumber('latest')]).toEqual([3, 3, 0]);
  });

  test.each([
    ['15', 15],
    ['0', 0],
    ['2m', 120],
    ['500ms', 1],
  ])('seconds: %s is %d', (text, seconds) => {
    expect(parse.secondsOf('--wait-for', text)).toBe(seconds);
  });

  test('seconds: anything else names the option', () => {
    expect(() => parse.secondsOf('--wait-for', 'soon')).toThrow(usage(/^--wait-for: expected seconds/));
  });
});

describe('instants', () => {
  const now = Date.UTC(2025, 10, 21, 8, 45);

  test.each([
    ['10m', now - 600_000],
    ['1.5h', now - 5_400_000],
    ['0s', now],
    ['2025-11-21T08:00:00Z', now - 45 * 60_000],
    ['2025-11-21', Date.UTC(2025, 10, 21)],
    [String(now), now],
  ])('since %s', (text, instant) => {
    expect(parse.instantOf('--since', text, now)).toBe(instant);
  });

  test.each(['', 'yesterday', '10', '10 m', '2025-99-99'])('since %j is no time', (text) => {
    expect(() => parse.instantOf('--since', text, now)).toThrow(usage(/^--since: expected/));
  });
});

describe('variables', () => {
  test('variables: the value is all behind the first =, and the last of a key wins', () => {
    expect(parse.keyValues('-v', ['A=1', 'B=', 'C=x=y', 'A=2', '__proto__=own'])).toEqual(
      Object.fromEntries([
        ['A', '2'],
        ['B', ''],
        ['C', 'x=y'],
        ['__proto__', 'own'],
      ]),
    );
  });

  test.each(['A', '=1', ''])('variables: %j is refused', (text) => {
    expect(() => parse.keyValues('-v', [text])).toThrow(usage(/^-v: expected KEY=VALUE/));
  });

  test.each([
    ['lines', '# comment\n\nA=1\r\nB= 2 \n  # another\n', { A: '1', B: ' 2 ' }],
    ['JSON', ' {"A": "1", "B": 2, "C": true}', { A: '1', B: '2', C: 'true' }],
    ['nothing', '', {}],
  ])('variables: a file of %s', (_, text, variables) => {
    expect(parse.parseVariablesFile(text, 'file')).toEqual(variables);
  });

  test.each([
    ['JSON that does not parse', '{"A": }', /^file is not valid JSON/],
    ['a value that is no text', '{"A": {}}', /^file: expected text as the value of "A"/],
    ['a line that is none', 'A', /^file: expected KEY=VALUE/],
  ])('variables: a file with %s is refused', (_, text, message) => {
    expect(() => parse.parseVariablesFile(text, 'file')).toThrow(usage(message));
  });
});

describe('standard input', () => {
  test('input: characters that are cut between two pieces are whole again', async () => {
    const bytes = Buffer.from('grün 日本\n');
    expect(await readInput(Readable.from([bytes.subarray(0, 3), bytes.subarray(3, 7), bytes.subarray(7)]))).toBe(
      'grün 日本\n',
    );
  });

  test('input: without an end it is refused', async () => {
    const endless = (function* () {
      for (;;) yield Buffer.alloc(1_048_576);
    })();
    await expect(readInput(Readable.from(endless))).rejects.toThrow(usage(/more than \d+ bytes/));
  });

  test('input: bytes that are no UTF-8 are refused, and a byte order mark stays', () => {
    expect(() => textOfBytes(Uint8Array.of(0xff), 'key.bin')).toThrow(usage(/^key\.bin is not UTF-8/));
    expect(textOfBytes(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 'file')).toBe('\ufeffa');
  });
});

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1_023, '1023 bytes'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [300_000, '293 KiB'],
  [5 * 1_073_741_824, '5 GiB'],
])('bytes: %d is %s', (bytes, words) => {
  expect(byteWords(bytes)).toBe(words);
});
