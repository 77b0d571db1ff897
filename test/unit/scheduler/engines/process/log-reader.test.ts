import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readLog } from '../../../../../scheduler/engines/process/log-reader.ts';
import type { LogSource } from '../../../../../scheduler/engines/process/log-reader.ts';
import { temporaryDirectory } from '../../../../temporary-directory.ts';

async function textOf(source: LogSource, onChunk: () => void = () => undefined): Promise<string> {
  let text = '';
  for await (const { bytes } of readLog(source, { follow: true })) {
    text += Buffer.from(bytes).toString();
    onChunk();
  }
  return text;
}

const filesIn = (directory: string) =>
  ({
    stdout: join(directory, 'stdout'),
    stderr: join(directory, 'stderr'),
    index: join(directory, 'index'),
  }) as LogSource['paths'];

const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);

test('an attempt that is forgotten before its files are open is not found, rather than empty', async () => {
  const source = { paths: filesIn('/nowhere'), hasEnded: yes, isKnown: no };
  await expect(textOf(source)).rejects.toMatchObject({ code: 'not_found' });
});

test('an attempt without files that is still known is empty', async () => {
  expect(await textOf({ paths: filesIn('/nowhere'), hasEnded: yes, isKnown: yes })).toBe('');
});

test('an attempt that is forgotten while its open files are read is read to its end', async () => {
  await using directory = await temporaryDirectory();
  const attempt = join(directory.path, 'attempt');
  mkdirSync(attempt);
  const paths = filesIn(attempt);
  writeFileSync(paths.stdout, 'x'.repeat(200_000));
  writeFileSync(paths.stderr, 'end');
  const text = await textOf({ paths, hasEnded: yes, isKnown: no }, () =>
    rmSync(attempt, { recursive: true, force: true }),
  );
  expect(text).toHaveLength(200_003);
});
