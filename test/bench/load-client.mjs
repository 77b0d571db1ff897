// A client process of its own for benches, so that its work is not counted as the server's: starts runs over HTTP, some at once, and
// prints when each was sent and answered (ms since the epoch, with fractions) as one line of JSON.
//
// `node load-client.mjs URL PIPELINE COUNT AT_ONCE PAUSE_MS`: each of the clients pauses between its answer and its next request.

import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';

const [url = '', pipeline = '', count = '1', atOnce = '1', pauseMs = '0'] = process.argv.slice(2);
const pool = new Pool(url, { connections: Number(atOnce), pipelining: 1 });
const headers = { 'content-type': 'application/json', 'gofer-api-version': 'v0', authorization: 'Bearer bench' };
const path = `/api/namespaces/default/pipelines/${pipeline}/runs`;
const now = () => performance.timeOrigin + performance.now();

const sent = [];
let left = Number(count);
await Promise.all(
  Array.from({ length: Number(atOnce) }, async () => {
    while (left-- > 0) {
      const at = now();
      const { statusCode, body } = await pool.request({ method: 'POST', path, headers, body: '{"variables":{}}' });
      const answer = await body.json();
      if (statusCode !== 201) throw new Error(`${statusCode}: ${JSON.stringify(answer)}`);
      sent.push([answer.run.run_id, at, now()]);
      if (Number(pauseMs) > 0) await pause(Number(pauseMs));
    }
  }),
);
await pool.close();
process.stdout.write(`${JSON.stringify(sent)}\n`);
