// A stop and a start in the middle of a run: bodies go on, and the next start finds them.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { api, freePort, readLog, startServer } from './real-server.ts';
import type { ServerOptions } from './real-server.ts';

test('a stop leaves bodies running, and the next start finds them and their logs', async () => {
  await using directory = await temporaryDirectory();
  const options: ServerOptions = {
    dataDir: path.join(directory.path, 'data'),
    port: await freePort(),
    engine: 'process',
  };
  const go = path.join(directory.path, 'go');
  const script = `echo begun; while [ ! -e ${go} ]; do sleep 0.02; done; echo over`;
  const first = await startServer(options);
  const run = await startedRun(first, script);
  await eventually(async () =>
    expect(await api(first, 'GET', run)).toMatchObject({ body: { run: { state: 'running' } } }),
  );
  await eventually(async () => {
    const { body } = await api(first, 'GET', `${run}/tasks/only`);
    expect(body).toMatchObject({ task_execution: { state: 'running' } });
  });
  expect(await first.stop()).toBe(0);
  await writeFile(go, '');
  const second = await startServer(options);
  try {
    await eventually(async () => {
      expect(await api(second, 'GET', run)).toMatchObject({
        body: { run: { state: 'complete', status: 'successful' } },
      });
    });
    expect(await readLog(`${second.url}${run}/tasks/only/logs`)).toBe('begun\nover\n');
  } finally {
    await second.stop();
  }
});

async function startedRun(server: { readonly url: string }, script: string): Promise<string> {
  const pipeline = '/api/namespaces/default/pipelines/stopped';
  const task = { id: 'only', image: 'busybox', command: ['/bin/sh', '-c', script], depends_on: {}, variables: {} };
  const more = { inject_api_token: false, always_pull_newest_image: false };
  const config = { id: 'stopped', name: 'Stopped', parallelism: 0, tasks: [{ ...task, ...more }] };
  expect(await api(server, 'POST', `${pipeline}/configs`, { config })).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${pipeline}/configs/1`)).toMatchObject({ status: 201 });
  expect(await api(server, 'POST', `${pipeline}/runs`, { variables: {} })).toMatchObject({ status: 201 });
  return `${pipeline}/runs/1`;
}
