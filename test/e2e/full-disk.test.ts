// What no disk can keep: refused with a clear answer, and all works again once there is room.

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { canMount, smallDisk } from '../small-disk.ts';
import { api, freePort, startServer } from './real-server.ts';

const MIB = 1_048_576;
const HEADERS = { 'gofer-api-version': 'v0', authorization: 'Bearer test', 'content-type': 'application/json' };
const NIGHTLY = '/api/namespaces/default/pipelines/nightly';

const CONFIG = {
  ...{ id: 'nightly', name: 'nightly', parallelism: 0 },
  tasks: [
    {
      ...{ id: 'only', image: 'busybox', command: ['true'], depends_on: {}, variables: {} },
      ...{ inject_api_token: false, always_pull_newest_image: false },
    },
  ],
};

describe.skipIf(!canMount())('on a full disk', () => {
  test('nothing is accepted that cannot be kept, the server goes on, and all works again once there is room', async () => {
    await using disk = await smallDisk(48 * MIB);
    const node = await startServer({
      dataDir: path.join(disk.path, 'data'),
      port: await freePort(),
      engine: 'process',
    });
    try {
      expect(await api(node, 'POST', `${NIGHTLY}/configs`, { config: CONFIG })).toMatchObject({ status: 201 });
      expect(await api(node, 'POST', `${NIGHTLY}/configs/1`)).toMatchObject({ status: 201 });
      disk.fill();
      const accepted: number[] = [];
      const start = () => api(node, 'POST', `${NIGHTLY}/runs`, { variables: { PAD: 'x'.repeat(100_000) } });
      await eventually(async () => {
        const { status, body } = await start();
        if (status === 201) accepted.push((body as { run: { run_id: number } }).run.run_id);
        expect(status).toBe(503);
      });
      expect(await api(node, 'GET', NIGHTLY)).toMatchObject({ status: 200 });
      const object = await fetch(`${node.url}${NIGHTLY}/objects/big?force=false`, {
        method: 'POST',
        headers: HEADERS,
        body: Buffer.alloc(MIB),
      });
      expect(object.status).toBe(503);
      disk.makeRoom();
      await eventually(async () => {
        const { status, body } = await start();
        expect(status).toBe(201);
        accepted.push((body as { run: { run_id: number } }).run.run_id);
      });
      await eventually(async () => {
        for (const id of accepted) {
          const { body } = await api(node, 'GET', `${NIGHTLY}/runs/${id}`);
          expect(body).toMatchObject({ run: { state: 'complete', status: 'successful' } });
        }
      });
    } finally {
      await node.stop();
    }
  });
});
