// The README's table of settings is the table of the server.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SETTINGS } from '../../../../cmd/server/config-keys.ts';

const README = new URL('../../../../README.md', import.meta.url);

test('README: every setting with its default and its meaning, in the order of the table, and no other', () => {
  const lines = readFileSync(README, 'utf8').split('\n');
  const rows = lines
    .filter((line) => /^\| `[a-z_]+\./.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const told = rows.map(([, key, value, meaning]) => ({ key, value, meaning }));
  const wanted = Object.entries(SETTINGS).map(([key, setting]) => ({
    key: `\`${key}\``,
    value: setting.default === '' ? '' : `\`${setting.default}\``,
    meaning: setting.meaning,
  }));
  expect(told).toEqual(wanted);
});
