// Every example is built as `gofer up` builds it, and is a pipeline that the server takes.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { configProblems } from '../../../api/operations/config-validation.ts';
import { buildDocument } from '../../../cmd/cli/up/build-document.ts';

const EXAMPLES = path.resolve(import.meta.dirname, '../../../sdk/examples');

const examples = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test('examples: there are some', () => {
  expect(examples).toContain('hello');
});

test.each(examples)('examples: %s builds and is valid', async (name) => {
  const errorLines: string[] = [];
  const document = await buildDocument(path.join(EXAMPLES, name), {
    onErrorLine: (line) => errorLines.push(line),
    signal: AbortSignal.timeout(20_000),
  });
  expect(errorLines).toEqual([]);
  expect(configProblems(document)).toEqual([]);
  expect(document.id).toBe(name);
});
