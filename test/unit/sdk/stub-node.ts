// A server of the tests that is killed: answers every call after a moment, so that some are always under way.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const ANSWER_MS = 10;

const server = createServer((request, response) => {
  request.resume();
  setTimeout(() => response.end('{"run":{"run_id":7},"runs":[]}'), ANSWER_MS);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
