// The Docker daemon that a chaos run works with: one that is started for it, which may be frozen and killed, and has nothing of anybody
// else; or the one that DOCKER_HOST names, which is left alone. An image is made from this machine's static busybox: nothing is pulled.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createPiece } from '../local-cluster/piece.ts';
import type { Piece } from '../local-cluster/piece.ts';
import { waitUntil } from '../local-cluster/wait-until.ts';
import { send } from '../nemesis/processes.ts';
import { ask } from '../links/docker-call.ts';
import { watchDaemon } from './docker-watchdog.ts';
import { parseIds } from './parse-containers.ts';
import type { DockerOptions, EngineKind } from './session.ts';

export interface DockerForChaos extends AsyncDisposable {
  readonly options: DockerOptions;
}

const IMAGE = { name: 'gofer-chaos', tag: 'busybox' };
const BUSYBOX = '/bin/busybox';
const COMMANDS = ['sh', 'sleep', 'cat', 'echo', 'true'];
/** A daemon that finds its containerd too slow gives up after a minute; another one then has a minute of its own. */
const READY_LIMIT_MS = 150_000;
const OK = 200;

export async function dockerForChaos(engine: EngineKind, onStep: (step: string) => void): Promise<DockerForChaos> {
  if (engine !== 'docker') return given({ socket: '', image: 'none', daemon: null });
  const host = process.env['DOCKER_HOST'] ?? '';
  if (host !== '' && !host.startsWith('unix://')) {
    throw new Error(`--engine docker needs a daemon on a Unix socket, and DOCKER_HOST is ${host}.`);
  }
  if (host !== '') {
    const socket = host.slice('unix://'.length);
    await importImage(socket);
    return given({ socket, image: `${IMAGE.name}:${IMAGE.tag}`, daemon: null });
  }
  return ownDaemon(onStep);
}

function given(options: DockerOptions): DockerForChaos {
  return { options, [Symbol.asyncDispose]: async () => undefined };
}

/**
 * In a network of its own, without a bridge: it meets no other daemon of this machine. In the machine's own network a daemon without a
 * bridge would take `docker0` away from the one that is there. Containers outlive it, as in production.
 * Its containerd dies with it. Where nobody reaps orphans at once, the dead one's number still looks alive, and the next daemon
 * would wait a quarter of a minute for it and then give up: hence both pid files go.
 */
async function ownDaemon(onStep: (step: string) => void): Promise<DockerForChaos> {
  const directory = await mkdtemp(path.join(tmpdir(), 'gofer-chaos-docker-'));
  const at = (name: string) => path.join(directory, name);
  const socket = at('docker.sock');
  const line = [
    ...[`rm -f '${at('pid')}' '${at('exec/containerd/containerd.pid')}';`],
    ...[`exec unshare --net dockerd --host 'unix://${socket}' --data-root '${at('data')}'`],
    ...[`--exec-root '${at('exec')}' --pidfile '${at('pid')}' --bridge none --iptables=false --live-restore`],
  ];
  const daemon = createPiece({
    name: 'dockerd',
    command: () => ['/bin/sh', '-c', line.join(' ')],
    logFile: at('dockerd.log'),
  });
  const close = async () => {
    await killContainers(socket).catch(() => undefined);
    await daemon.stop();
    killShims(directory);
    // dockerd mounts its data directory onto itself, and leaves that behind.
    spawnSync('umount', ['-l', at('data')]);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await daemon.start();
    await dockerReady(socket, daemon);
    await importImage(socket);
  } catch (error) {
    await close();
    throw error;
  }
  const options = { socket, image: `${IMAGE.name}:${IMAGE.tag}`, daemon };
  const watchdog = watchDaemon(options, onStep);
  return {
    options,
    [Symbol.asyncDispose]: async () => {
      await watchdog[Symbol.asyncDispose]();
      await close();
    },
  };
}

/** Those of containers that have just ended may outlive their daemon; each names the daemon's directory. */
function killShims(directory: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    if (Number(pid) !== process.pid && commandLine(pid).includes(directory)) send(Number(pid), 'SIGKILL');
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Resolves once it answers. One that has given up meanwhile is started anew, as a service manager would. */
export async function dockerReady(socket: string, daemon: Piece): Promise<void> {
  const answers = async () => {
    if (!daemon.running()) await daemon.start();
    return (await ask(socket, { path: '/_ping' })).status === OK ? true : null;
  };
  await waitUntil(answers, {
    limitMs: READY_LIMIT_MS,
    what: () => `dockerd does not answer:\n${daemon.lastLines()}`,
  });
}

async function killContainers(socket: string): Promise<void> {
  const ids = parseIds((await ask(socket, { path: '/containers/json' })).body);
  await Promise.all(ids.map((id) => ask(socket, { method: 'POST', path: `/containers/${id}/kill` })));
}

/** One static busybox under the names of the commands that bodies use. */
async function importImage(socket: string): Promise<void> {
  if (!existsSync(BUSYBOX)) throw new Error('--engine docker needs a static busybox: apt-get install busybox-static');
  const root = await mkdtemp(path.join(tmpdir(), 'gofer-chaos-image-'));
  try {
    mkdirSync(path.join(root, 'bin'));
    mkdirSync(path.join(root, 'tmp'));
    copyFileSync(BUSYBOX, path.join(root, 'bin', 'busybox'));
    for (const command of COMMANDS) symlinkSync('busybox', path.join(root, 'bin', command));
    const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { status, body } = await ask(socket, {
      ...{ method: 'POST', path: `/images/create?fromSrc=-&repo=${IMAGE.name}&tag=${IMAGE.tag}` },
      source: tar.stdout,
    });
    if (status !== OK) throw new Error(`the image cannot be imported: ${body}`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
