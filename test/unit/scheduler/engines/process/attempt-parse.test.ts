import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeText,
  parseClaim,
  parseOutcome,
  parseStat,
} from '../../../../../scheduler/engines/process/attempt-parse.ts';
import { encodeText } from '../../../../../scheduler/engines/process/launch-text.ts';

const STAT_TAIL = `R 1 2 3 0 -1 4194368 22 0 0 0 0 0 0 0 20 0 1 0 655261 2654208 132`;

describe('marks', () => {
  test.each([
    { name: 'plain', line: `17 (sh) ${STAT_TAIL}`, wanted: { pid: 17, start: '655261', zombie: false } },
    {
      name: 'a name with blanks and brackets',
      line: `17 (a) S b( c)) ${STAT_TAIL}`,
      wanted: { pid: 17, start: '655261' },
    },
    { name: 'a zombie', line: `17 (sh) ${STAT_TAIL.replace('R', 'Z')}`, wanted: { zombie: true } },
    { name: 'no start time known', line: '17 -', wanted: { pid: 17, start: null } },
  ])('$name is read', ({ line, wanted }) => expect(parseStat(line)).toMatchObject(wanted));

  test.each(['', '17', '17 (sh', '17 (sh) R 1 2', 'x (sh) R'])('%j is no mark', (line) => {
    expect(parseStat(line)).toBeNull();
  });
});

describe('claims', () => {
  const whole = `boot-1 17 (sh) ${STAT_TAIL}\n18 (sh) ${STAT_TAIL}\n`;

  test('both processes and the boot are read', () => {
    expect(parseClaim(whole)).toMatchObject({ bootId: 'boot-1', supervisor: { pid: 17 }, body: { pid: 18 } });
  });

  test('a claim that is cut off names no process by half', () => {
    const firstLine = whole.indexOf('\n') + 1;
    for (let length = 0; length < whole.length; length += 1) {
      const claim = parseClaim(whole.slice(0, length));
      expect(claim.body).toBeNull();
      expect(claim.supervisor === null).toBe(length < firstLine);
    }
  });
});

describe('outcomes', () => {
  test.each([
    { text: 'e 0 9\n.\n', end: { kind: 'exited', code: 0 } },
    { text: 'e 128 9\n.\n', end: { kind: 'exited', code: 128 } },
    { text: 'e 137 9\n[1] + 9 Killed            \n.\n', end: { kind: 'signalled', signal: 'SIGKILL' } },
    { text: 'e 137 9\n[1] + 9 Done(137)         \n.\n', end: { kind: 'exited', code: 137 } },
    { text: 'e 255 9\n[1] + 9 Done(255)         \n.\n', end: { kind: 'exited', code: 255 } },
    { text: 'e 143 9\n[1] + 9 Terminated\n.\n', end: { kind: 'signalled', signal: 'SIGTERM' } },
    { text: 'n 127 foo\n.\n', end: { kind: 'not_started', why: 'The command "foo" was not found on this machine.' } },
    { text: 'r No%21\n.\n', end: { kind: 'not_started', why: 'No!' } },
    { text: 'l gone\n.\n', end: { kind: 'lost', why: 'gone' } },
  ])('$text', ({ text, end }) => expect(parseOutcome(text)?.end).toEqual(end));

  test.each(['e 13', 'e 0 9\n', 'e 0 9\n.', 'e 137 9\n[1] + 9 Kil', '', '.\n'])(
    'half an outcome is none: %j',
    (text) => {
      expect(parseOutcome(text)).toBeNull();
    },
  );
});

test('any reason survives being written for the shell', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(encodeText(text)).toMatch(/^[A-Za-z0-9%]*$/);
      expect(decodeText(encodeText(text))).toBe(text);
    }),
  );
});
