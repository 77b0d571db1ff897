// How the CLI writes: tables, times, lengths of time, dependencies.

import { describe, expect, test } from 'vitest';
import { dependencySentences } from '../../../../cmd/cli/text/dependencies.ts';
import { renderDetails } from '../../../../cmd/cli/text/details.ts';
import { cutToWidth, displayWidth, visible } from '../../../../cmd/cli/text/display.ts';
import { paintAnsi, paintNothing } from '../../../../cmd/cli/text/paint.ts';
import { renderTable } from '../../../../cmd/cli/text/table.ts';
import { durationWords, rfc2822, spanWords, timeWords } from '../../../../cmd/cli/text/time.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('table', () => {
  test('table: columns are as wide as their widest cell', () => {
    const rows = [['simple', 'active', '10 minutes ago', '2 minutes ago']];
    expect(renderTable({ columns: ['id', 'state', 'created', 'last run'], rows }, paintNothing)).toBe(
      [
        '| id     | state  | created        | last run      |',
        '|--------|--------|----------------|---------------|',
        '| simple | active | 10 minutes ago | 2 minutes ago |',
      ].join('\n'),
    );
  });

  test('table: without rows it is its header', () => {
    expect(renderTable({ columns: ['id'], rows: [] }, paintNothing)).toBe('| id |\n|----|');
  });

  test('table: colours do not count as width', () => {
    const plain = renderTable({ columns: ['id', 'status'], rows: [['a', 'failed']] }, paintNothing);
    const painted = renderTable({ columns: ['id', 'status'], rows: [['a', 'failed']] }, paintAnsi);
    expect(painted).not.toBe(plain);
    expect(painted.replace(/\u001b\[\d+m/g, '')).toBe(plain);
    expect(painted).toContain('\u001b[31mfailed\u001b[39m');
  });

  test('table: a name cannot begin a column or move the cursor', () => {
    const table = renderTable({ columns: ['id'], rows: [['a|b\u001b[2J\n']] }, paintNothing);
    expect(table.split('\n')[2]).toBe('| a\\|b\\x1b[2J\\n |');
  });

  test.each([
    ['plain', 5],
    ['grün', 4],
    ['日本', 4],
    ['e\u0301', 1],
  ])('width: %s takes %d columns', (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  test('width: what does not fit ends in an ellipsis', () => {
    expect([cutToWidth('abcdef', 6), cutToWidth('abcdef', 5), cutToWidth('日本語', 4)]).toEqual([
      'abcdef',
      'abcd…',
      '日…',
    ]);
  });

  test('visible: every control character becomes text', () => {
    expect(visible('\u0000\t\u009b')).toBe('\\x00\\t\\x9b');
  });
});

describe('time', () => {
  const now = Date.UTC(2025, 10, 21, 8, 45);

  test.each([
    [0, 'now'],
    [-59 * SECOND, '59 seconds ago'],
    [-MINUTE, '1 minute ago'],
    [-3 * HOUR - MINUTE, '3 hours ago'],
    [-6 * DAY, '6 days ago'],
    [-400 * DAY, '1 year ago'],
    [5 * SECOND, 'in 5 seconds'],
  ])('time: %d ms from now is "%s"', (distance, words) => {
    expect(timeWords(now + distance, { now, detail: false })).toBe(words);
  });

  test('time: 0 has not happened', () => {
    expect(timeWords(0, { now, detail: true }, 'not yet')).toBe('not yet');
  });

  test('time: in detail it is the moment itself', () => {
    expect(timeWords(now, { now, detail: true })).toBe('Fri, 21 Nov 2025 08:45:00 +0000');
    expect(Date.parse(rfc2822(now))).toBe(now);
  });

  test.each([
    [0, '0 secs'],
    [4, '4 ms'],
    [12_004, '12 secs, 4 ms'],
    [61_004, '1 min, 1 sec'],
    [HOUR + 25 * MINUTE + 12 * SECOND, '1 hour, 25 mins, 12 secs'],
    [2 * DAY, '2 days'],
    [-5, '0 secs'],
  ])('duration: %d ms is "%s"', (milliseconds, words) => {
    expect(durationWords(milliseconds)).toBe(words);
  });

  test('duration: what has not ended is measured to now, what has not started took no time', () => {
    expect(spanWords({ started: now - 2 * SECOND, ended: 0 }, now)).toBe('2 secs');
    expect(spanWords({ started: now - 2 * SECOND, ended: now - SECOND }, now)).toBe('1 sec');
    expect(spanWords({ started: 0, ended: now }, now)).toBe('0 secs');
  });
});

describe('sentences', () => {
  test('dependencies: one sentence for each kind', () => {
    expect(dependencySentences({ a: 'success', b: 'any', c: 'success', d: 'failure' })).toEqual([
      'after b, however it ends',
      'only if a, c succeed',
      'only if d fails',
    ]);
  });

  test('details: facts without value and sections without lines are left out', () => {
    const text = renderDetails(
      {
        title: 'Title',
        facts: [
          ['Name', 'two\nlines'],
          ['Empty', null],
          ['Exit code', 0],
        ],
        sections: [
          { title: 'Full', lines: ['a'] },
          { title: 'None', lines: [] },
        ],
      },
      paintNothing,
    );
    expect(text).toBe('Title\n\n  Name:      two\n             lines\n  Exit code: 0\n\n  Full\n    a');
  });
});
