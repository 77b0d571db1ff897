// What this machine does without us: the limits that no figure of ours can pass.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

const PAGE = Buffer.alloc(4096, 1);

/** Answers each request at once, in a thread of its own, as a server in another process would. */
const ECHO_SERVER = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:http').createServer((request, answer) => request.resume().on('end', () => answer.end('{}')));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/**
 * @param {{ smoke: boolean }} options
 * @returns {Promise<import('./bench-table.mjs').Row[]>}
 */
export async function rawLimits({ smoke }) {
  const [syncs, requests, spawns] = smoke ? [20, 50, 10] : [500, 2_000, 200];
  const cpus = os.cpus();
  return [
    { name: 'Node', figure: `${process.version}, ${os.platform()} ${os.release()} ${os.arch()}` },
    { name: 'processors', figure: `${os.availableParallelism()} x ${cpus[0]?.model.trim() ?? 'unknown'}` },
    { name: 'memory', figure: `${(os.totalmem() / 1024 ** 3).toFixed(1)} GiB` },
    { name: 'append of 4 KiB + fsync', figure: quantiles(syncTimes(syncs, fsyncSync)) },
    { name: 'append of 4 KiB + fdatasync', figure: quantiles(syncTimes(syncs, fdatasyncSync)) },
    { name: 'POST over loopback, bare node:http', figure: quantiles(await requestTimes(requests)) },
    { name: 'spawn of `true` to its exit', figure: quantiles(await spawnTimes(spawns)) },
  ];
}

/** @param {number} count @param {(file: number) => void} sync */
function syncTimes(count, sync) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gofer-raw-'));
  const file = openSync(path.join(folder, 'file'), 'w');
  try {
    return Array.from({ length: count }, () => {
      const start = performance.now();
      writeSync(file, PAGE);
      sync(file);
      return performance.now() - start;
    });
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** @param {number} count */
async function requestTimes(count) {
  const server = new Worker(ECHO_SERVER, { eval: true });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const [port] = await once(server, 'message');
    return await timesOf(count, async () => {
      const request = http.request({ agent, port, host: '127.0.0.1', method: 'POST' });
      request.end('{"variables":{}}');
      const [answer] = await once(request, 'response');
      await once(answer.resume(), 'end');
    });
  } finally {
    agent.destroy();
    await server.terminate();
  }
}

/** @param {number} count */
function spawnTimes(count) {
  return timesOf(count, async () => {
    await once(spawn('true', { stdio: 'ignore' }), 'exit');
  });
}

/** @param {number} count @param {() => Promise<void>} work one at a time */
async function timesOf(count, work) {
  const times = [];
  for (let done = 0; done < count; done += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

/** @param {readonly number[]} times */
function quantiles(times) {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (share) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
