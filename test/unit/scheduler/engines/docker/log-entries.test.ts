import { describe, expect, test } from 'vitest';
import { createLogEntries } from '../../../../../scheduler/engines/docker/log-entries.ts';
import type { LogStream } from '../../../../../scheduler/engines/port.ts';

const PART = 16_384;
const T1 = '2026-01-02T03:04:05.100000001Z';
const T2 = '2026-01-02T03:04:05.100000002Z';
const T3 = '2026-01-02T03:04:06.000000000Z';

interface Entry {
  readonly stamp: string;
  readonly text: string;
  readonly stream?: LogStream;
}

function read(entries: readonly Entry[], from = { stdout: 0, stderr: 0 }) {
  const log = createLogEntries(from);
  const chunks = entries.flatMap(({ stamp, text, stream = 'stdout' }) =>
    log.chunksOf({ stream, payload: Buffer.from(`${stamp} ${text}`, 'latin1') }),
  );
  const textOf = (stream: LogStream) =>
    Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.bytes)).toString('latin1');
  return { chunks, stdout: textOf('stdout'), stderr: textOf('stderr'), position: log.position };
}

const a = 'a'.repeat(PART);

describe('log entries', () => {
  test.each([
    { name: 'a whole line', entries: [{ stamp: T1, text: 'x\n' }], wanted: 'x\n' },
    { name: 'an empty line', entries: [{ stamp: T1, text: '\n' }], wanted: '\n' },
    {
      name: 'no final newline',
      entries: [
        { stamp: T1, text: 'x\n' },
        { stamp: T2, text: 'y' },
      ],
      wanted: 'x\ny',
    },
    {
      name: 'a cut line that kept its newline',
      entries: [
        { stamp: T1, text: a },
        { stamp: T1, text: 'b\n' },
        { stamp: T2, text: 'c\n' },
      ],
      wanted: `${a}b\nc\n`,
    },
    {
      name: 'a cut line that lost its newline',
      entries: [
        { stamp: T1, text: a },
        { stamp: T1, text: 'b' },
        { stamp: T2, text: 'c\n' },
      ],
      wanted: `${a}b\nc\n`,
    },
    {
      name: 'a line of exactly one part that lost its newline',
      entries: [
        { stamp: T1, text: a },
        { stamp: T1, text: '' },
        { stamp: T2, text: 'c\n' },
      ],
      wanted: `${a}\nc\n`,
    },
    {
      name: 'the same at the very end',
      entries: [
        { stamp: T1, text: a },
        { stamp: T1, text: '' },
      ],
      wanted: `${a}\n`,
    },
    {
      name: 'two cut lines that lost theirs',
      entries: [
        { stamp: T1, text: a },
        { stamp: T1, text: 'b' },
        { stamp: T2, text: a },
        { stamp: T2, text: 'c' },
      ],
      wanted: `${a}b\n${a}c`,
    },
    {
      name: 'cut binary output without any newline',
      entries: [
        { stamp: T1, text: a },
        { stamp: T1, text: a },
        { stamp: T1, text: 'b' },
      ],
      wanted: `${a}${a}b`,
    },
    { name: 'text that looks like a timestamp', entries: [{ stamp: T1, text: `${T2} x\n` }], wanted: `${T2} x\n` },
  ])('$name', ({ entries, wanted }) => expect(read(entries).stdout).toBe(wanted));

  test('a line that is open in one stream is not ended by the other', () => {
    const entries: Entry[] = [
      { stamp: T1, text: a },
      { stamp: T2, text: 'oops\n', stream: 'stderr' },
      { stamp: T1, text: 'b' },
      { stamp: T3, text: 'c\n' },
    ];
    expect(read(entries)).toMatchObject({ stdout: `${a}b\nc\n`, stderr: 'oops\n' });
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7])('from byte %d on the rest is the same', (stdout) => {
    const entries: Entry[] = [
      { stamp: T1, text: 'ab\n' },
      { stamp: T2, text: 'c' },
      { stamp: T3, text: 'd\n' },
    ];
    const whole = 'ab\nc\nd\n';
    const rest = read(entries, { stdout, stderr: 0 });
    expect([rest.stdout, rest.position.stdout]).toEqual([whole.slice(stdout), whole.length]);
    expect(rest.chunks.every((chunk) => chunk.bytes.length > 0)).toBe(true);
  });

  test('instants are those of the entries and never go back', () => {
    const { chunks } = read([
      { stamp: T3, text: 'x\n' },
      { stamp: T1, text: 'late\n', stream: 'stderr' },
    ]);
    expect(chunks.map((chunk) => chunk.at)).toEqual([Date.parse(T3), Date.parse(T3)]);
  });

  test.each(['no-timestamp', 'not-a-time x'])('%j is no log entry', (text) => {
    const log = createLogEntries({ stdout: 0, stderr: 0 });
    expect(() => log.chunksOf({ stream: 'stdout', payload: Buffer.from(text) })).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });
});
