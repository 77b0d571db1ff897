// A Docker daemon for the tests, and in it the image `gofer-test:busybox`. Uses the daemon that answers; on Debian as root it
// installs and starts one; elsewhere it says which command to run. No registry is needed and no installed npm package.
//
// node test/docker/ensure-docker.mjs            make ready (called by `npm test`)
// node test/docker/ensure-docker.mjs --revive   replace the daemon that was started here if it starts no container any more; then ends with 3
// node test/docker/ensure-docker.mjs --stop     stop the daemon that was started here, and no other

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { hint, installPackages } from '../install-packages.mjs';
import { busyboxImage } from './busybox-image.mjs';

export const TEST_IMAGE = 'gofer-test:busybox';

/** Raised when the content of the image changes, so that a daemon with an older one gets the new one. */
const IMAGE_VERSION = '1';
const DEFAULT_SOCKET = '/var/run/docker.sock';
const PACKAGES = ['docker.io', 'busybox-static', 'iptables'];

/** A cold daemon takes about a second; a slow disk needs more. */
const START_LIMIT_MS = 60_000;
const PING_LIMIT_MS = 3_000;
/** One process sets up, others wait: an installation takes a minute or two. */
const LOCK_LIMIT_MS = 300_000;
const POLL_MS = 100;
/** A start takes half a second, under load a few. */
const STUCK_MS = 45_000;
/** Exit status of `--revive` when there was something to revive. */
export const REVIVED = 3;

const LOG_FILE = path.join(os.tmpdir(), 'gofer-dockerd.log');
const PID_FILE = path.join(os.tmpdir(), 'gofer-dockerd.pid');
const CONTAINERD_PID_FILE = '/var/run/docker/containerd/containerd.pid';
const LOCK_FOLDER = path.join(os.tmpdir(), 'gofer-dockerd.lock');

/** A process looks once whether the daemon also starts containers; each look is a container. */
let looked = false;

/**
 * Makes sure that a daemon answers and holds the test image. Fast when all is there; may be called again and at once.
 * @returns {Promise<{ socketPath: string, dockerHost: string, did: string }>} `socketPath` is empty for a daemon on TCP
 */
export async function ensureDocker() {
  const wanted = process.env.GOFER_TEST_DOCKER_HOST || process.env.DOCKER_HOST || `unix://${DEFAULT_SOCKET}`;
  const found = await readiness(wanted);
  if (found === 'ready') {
    const revived = !looked && (await reviveDocker());
    looked = true;
    return answer(wanted, revived ? 'replaced a daemon that started nothing any more' : 'used the daemon that runs');
  }
  return withLock(async () => {
    const now = await readiness(wanted);
    const started = now === 'no daemon' ? await startDaemon(wanted) : 'used the daemon that runs';
    if (now !== 'ready' && (await readiness(wanted)) !== 'ready') await importImage(wanted);
    return answer(wanted, started);
  });
}

/**
 * Docker before 23.0 can lock itself up when containers come and go at once (moby/moby#46661): it answers, and starts nothing any more.
 * No test of ours can pass then. A daemon of our own that is found so is killed, and another one started.
 * @returns {Promise<boolean>} whether it was
 */
export async function reviveDocker() {
  const dockerHost = `unix://${DEFAULT_SOCKET}`;
  if (ownDaemon() === null || !(await isUp(dockerHost)) || (await startsContainers(dockerHost))) return false;
  return withLock(async () => {
    if (await startsContainers(dockerHost)) return false;
    const pid = ownDaemon();
    if (pid === null) return false;
    // The stacks of its goroutines, for whoever wants to know: they go into a file that the log names.
    process.kill(pid, 'SIGUSR1');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid), START_LIMIT_MS, 'dockerd cannot be stopped');
    await startDaemon(dockerHost);
    return true;
  });
}

/** Whether a container that is nobody's can be started within the limit. */
async function startsContainers(dockerHost) {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ Image: TEST_IMAGE, Cmd: ['/bin/true'] });
  const limitMs = STUCK_MS;
  const post = (route) => call(dockerHost, { method: 'POST', path: route, headers, body, limitMs });
  try {
    const created = await post('/containers/create');
    if (created.status !== 201) return true;
    const route = `/containers/${JSON.parse(created.body).Id}`;
    await post(`${route}/start`);
    await call(dockerHost, { method: 'DELETE', path: `${route}?force=1`, limitMs });
    return true;
  } catch {
    return false;
  }
}

/** Stops the daemon that `ensureDocker` started, if it did. */
export async function stopDocker() {
  const pid = ownDaemon();
  if (pid === null) return false;
  process.kill(pid, 'SIGTERM');
  await until(() => !isAlive(pid), START_LIMIT_MS, 'dockerd did not stop');
  rmSync(PID_FILE, { force: true });
  return true;
}

function answer(dockerHost, did) {
  return { dockerHost, socketPath: dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : '', did };
}

/** @returns {Promise<'ready' | 'no image' | 'no daemon'>} */
async function readiness(dockerHost) {
  const ping = await call(dockerHost, { path: '/_ping' }).catch(() => null);
  if (ping?.status !== 200) return 'no daemon';
  const image = await call(dockerHost, { path: `/images/${TEST_IMAGE}/json` });
  if (image.status !== 200) return 'no image';
  return JSON.parse(image.body).Config?.Labels?.['io.gofer.test-image'] === IMAGE_VERSION ? 'ready' : 'no image';
}

async function startDaemon(dockerHost) {
  if (dockerHost !== `unix://${DEFAULT_SOCKET}`) {
    throw hint(`No Docker daemon answers at ${dockerHost}. Start it, or unset DOCKER_HOST and GOFER_TEST_DOCKER_HOST.`);
  }
  const installed = installPackages(PACKAGES, {
    why: 'No Docker daemon answers',
    files: ['/usr/sbin/dockerd', '/usr/sbin/iptables'],
    elsewhere:
      'install and start Docker (https://docs.docker.com/engine/install); its image needs /bin/busybox, static',
  });
  // Where the package manager starts services by itself, the daemon is on its way already.
  if (installed && isServiceManaged()) {
    await until(() => isUp(dockerHost), START_LIMIT_MS, 'the docker service did not start').catch(() => undefined);
    if (await isUp(dockerHost)) return 'installed docker.io; its service runs the daemon';
  }
  const verb = installed ? 'installed docker.io and started dockerd' : 'started dockerd';
  const temporary = path.join(os.tmpdir(), 'gofer-dockerd-data');
  // The default place first: overlay2 works on most file systems, and vfs, slow as it is, on all.
  const attempts = [[], [`--data-root=${temporary}`], [`--data-root=${temporary}`, '--storage-driver=vfs']];
  for (const options of attempts) {
    const pid = launch(options);
    if (await comesUp(dockerHost, pid)) return `${verb} (pid ${pid}, log ${LOG_FILE})`;
  }
  throw hint(`dockerd does not start here; its log is ${LOG_FILE}.`);
}

function launch(options) {
  // A killed daemon leaves its pid behind, and in a container that number may belong to anybody by now.
  const stale = ownDaemon();
  if (stale !== null) process.kill(stale, 'SIGKILL');
  const log = openSync(LOG_FILE, 'a');
  const args = [`--pidfile=${PID_FILE}.daemon`, '--host=unix:///var/run/docker.sock', ...options];
  rmSync(`${PID_FILE}.daemon`, { force: true });
  forgetDeadContainerd();
  const child = spawn('/usr/sbin/dockerd', args, { detached: true, stdio: ['ignore', log, log] });
  child.on('error', () => undefined);
  child.unref();
  if (child.pid === undefined) throw hint('dockerd cannot be run.');
  writeFileSync(PID_FILE, String(child.pid));
  return child.pid;
}

/** A killed daemon's containerd dies with it, but may stay a zombie; the next daemon would wait for it in vain. */
function forgetDeadContainerd() {
  if (!existsSync(CONTAINERD_PID_FILE)) return;
  if (!isAlive(Number(readFileSync(CONTAINERD_PID_FILE, 'utf8')))) rmSync(CONTAINERD_PID_FILE, { force: true });
}

async function comesUp(dockerHost, pid) {
  await until(async () => (await isUp(dockerHost)) || !isAlive(pid), START_LIMIT_MS, 'slow').catch(() => undefined);
  if (await isUp(dockerHost)) return true;
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  await until(() => !isAlive(pid), START_LIMIT_MS, 'dockerd cannot be stopped');
  return false;
}

/** Pid of the daemon that was started here and still runs, else null. */
function ownDaemon() {
  if (!existsSync(PID_FILE)) return null;
  const pid = Number(readFileSync(PID_FILE, 'utf8'));
  if (!Number.isSafeInteger(pid) || pid < 2 || !isAlive(pid)) return null;
  // The number may have been given to somebody else since.
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${PID_FILE}.daemon`) ? pid : null;
}

function isAlive(pid) {
  try {
    // A zombie holds its number until its parent looks, and has nothing else left.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function isUp(dockerHost) {
  return (await call(dockerHost, { path: '/_ping' }).catch(() => null))?.status === 200;
}

function isServiceManaged() {
  return existsSync('/run/systemd/system');
}

async function importImage(dockerHost) {
  installPackages(['busybox-static'], {
    why: `The image ${TEST_IMAGE} is made from busybox, which is missing`,
    files: ['/bin/busybox'],
    elsewhere: 'put a static busybox at /bin/busybox',
  });
  const query = new URLSearchParams({ fromSrc: '-', repo: 'gofer-test', tag: 'busybox' });
  query.append('changes', `LABEL io.gofer.test-image=${IMAGE_VERSION}`);
  query.append('changes', 'ENV PATH=/bin');
  const headers = { 'content-type': 'application/x-tar' };
  const options = { method: 'POST', path: `/images/create?${query}`, headers, body: busyboxImage('/bin/busybox') };
  const { status, body } = await call(dockerHost, options);
  if (status !== 200 || body.includes('"error"')) throw hint(`${TEST_IMAGE} cannot be imported: ${body}`);
}

/** @returns {Promise<{ status: number, body: string }>} */
function call(dockerHost, { method = 'GET', path: resource, headers = {}, body, limitMs = START_LIMIT_MS }) {
  const place = dockerHost.startsWith('unix://')
    ? { socketPath: dockerHost.slice('unix://'.length) }
    : tcpPlace(dockerHost);
  return new Promise((resolve, reject) => {
    const timeout = method === 'GET' ? PING_LIMIT_MS : limitMs;
    const request = http.request({ ...place, method, path: resource, headers, timeout }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.end(body);
  });
}

function tcpPlace(dockerHost) {
  const { hostname, port } = new URL(dockerHost.replace(/^tcp:/, 'http:'));
  return { host: hostname, port: port || 2375 };
}

async function withLock(work) {
  const isMine = () => {
    try {
      mkdirSync(LOCK_FOLDER);
      return true;
    } catch {
      // Whoever made it may have been killed.
      const age = existsSync(LOCK_FOLDER) ? Date.now() - statSync(LOCK_FOLDER).mtimeMs : 0;
      if (age > LOCK_LIMIT_MS) rmSync(LOCK_FOLDER, { recursive: true, force: true });
      return false;
    }
  };
  await until(isMine, 2 * LOCK_LIMIT_MS, `another set-up does not end; if none runs, remove ${LOCK_FOLDER}`);
  try {
    return await work();
  } finally {
    rmSync(LOCK_FOLDER, { recursive: true, force: true });
  }
}

async function until(isDone, limitMs, problem) {
  const end = performance.now() + limitMs;
  while (!(await isDone())) {
    if (performance.now() > end) throw hint(problem);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function main() {
  try {
    if (process.argv.includes('--stop')) {
      console.log((await stopDocker()) ? 'Docker for tests: stopped.' : 'Docker for tests: none was started here.');
      return;
    }
    if (process.argv.includes('--revive')) {
      const revived = await reviveDocker();
      console.log(
        `Docker for tests: ${revived ? 'the daemon started nothing any more and was replaced' : 'as it was'}.`,
      );
      if (revived) process.exitCode = REVIVED;
      return;
    }
    const { dockerHost, did } = await ensureDocker();
    console.log(`Docker for tests: ${did}; ${dockerHost} holds ${TEST_IMAGE}.`);
  } catch (error) {
    console.error(`Docker for tests: ${error.hint ?? error.stack}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
