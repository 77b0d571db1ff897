// The files of cmd/deploy as they stand, moved to this machine: their addresses become loopback addresses of one cluster, their folders
// temporary ones. Nothing else of them is changed, so that what runs here is what an operator copies.

import { spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createPiece } from '../../chaos/local-cluster/piece.ts';
import type { Piece } from '../../chaos/local-cluster/piece.ts';
import { LAUNCHER, ROOT } from './real-server.ts';

export const DEPLOY = path.join(ROOT, 'cmd', 'deploy');
const MACHINES = [1, 2, 3] as const;
type Machine = (typeof MACHINES)[number];

export interface DeployWorld extends AsyncDisposable {
  /** Of a file that the certificate script made. */
  tls(...names: readonly string[]): string;
  /** The address of a machine, which stands for 10.0.0.1x in the files. */
  host(machine: Machine): string;
  readonly balancerUrl: string;
  readonly etcd: readonly Piece[];
  readonly nodes: readonly Piece[];
  readonly balancer: Piece;
}

/** Port 443 wants root elsewhere. */
const BALANCER_PORT = 18_443;

/** Where the files are moved to. */
interface Place {
  readonly directory: string;
  /** First three numbers of all addresses. All of 127.0.0.0/8 is this machine (Linux), so that all ports can be as in the files. */
  readonly block: string;
}

/** `directory` is removed by whoever made it. Nothing is started yet. */
export function aDeployWorld(directory: string): DeployWorld {
  const place: Place = { directory, block: `127.${randomInt(16, 240)}.${randomInt(0, 256)}` };
  const host = (machine: Machine) => `${place.block}.1${machine}`;
  makeCertificates({
    directory: path.join(directory, 'tls'),
    names: (machine) => `node${machine}.gofer.internal,${host(machine)},127.0.0.1`,
    balancer: `${place.block}.20`,
  });
  mkdirSync(path.join(directory, 'objects'));
  writeFileSync(path.join(directory, 'secret.key'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  writeFileSync(path.join(directory, 'allowed.lst'), '127.0.0.0/8\n');
  const etcd = MACHINES.map((machine) => aMember(machine, place));
  const nodes = MACHINES.map((machine) => aNode(machine, place));
  const balancer = aBalancer(place);
  return {
    ...{ host, etcd, nodes, balancer },
    tls: (...names) => path.join(directory, 'tls', ...names),
    balancerUrl: `https://${place.block}.20:${BALANCER_PORT}`,
    async [Symbol.asyncDispose]() {
      await Promise.all([...nodes, balancer, ...etcd].map((piece) => piece.kill()));
    },
  };
}

/** The file with the addresses and folders of this machine; `folder` is that of the certificates. */
function moved(file: string, folder: string, { directory, block }: Place): string {
  return readFileSync(path.join(DEPLOY, file), 'utf8')
    .replaceAll('10.0.0.', `${block}.`)
    .replaceAll('/etc/gofer/tls', path.join(directory, 'tls', folder))
    .replaceAll('/etc/gofer/', `${directory}/`)
    .replaceAll('/srv/gofer/objects', path.join(directory, 'objects'));
}

/** The files are those of node1: "the others differ in name and their own addresses". */
function asMachine(text: string, machine: Machine, { block }: Place): string {
  const own = /^(ETCD_(NAME|LISTEN\w+|ADVERTISE\w+|INITIAL_ADVERTISE\w+)=|(bind_address|api_url|name) =)/;
  const adapted = (line: string) =>
    line.replaceAll(`${block}.11`, `${block}.1${machine}`).replaceAll('node1', `node${machine}`);
  return text
    .split('\n')
    .map((line) => (own.test(line) ? adapted(line) : line))
    .join('\n');
}

function aMember(machine: Machine, place: Place): Piece {
  const name = `etcd${machine}`;
  const text = asMachine(moved('systemd/etcd.env', `node${machine}`, place), machine, place);
  const environment = { ...environmentOf(text), ETCD_DATA_DIR: path.join(place.directory, name) };
  const logFile = path.join(place.directory, `${name}.log`);
  return createPiece({ name, command: () => ['etcd'], environment: () => environment, logFile });
}

function aNode(machine: Machine, place: Place): Piece {
  const { directory } = place;
  const name = `node${machine}`;
  const file = path.join(directory, `${name}.toml`);
  const text = asMachine(moved('systemd/gofer.toml', name, place), machine, place);
  writeFileSync(file, text.replaceAll('/var/lib/gofer', path.join(directory, `data${machine}`)));
  // Here no Docker daemon listens with TLS; host processes are reached by all of them as well.
  const environment = {
    GOFER_WEB_SCHEDULER__ENGINE: 'process',
    GOFER_WEB_SCHEDULER__DOCKER__TLS_DIR: '',
    GOFER_WEB_SCHEDULER__PROCESS__DIRECTORY: path.join(directory, 'attempts'),
  };
  return createPiece({
    name,
    command: () => [process.execPath, LAUNCHER, 'service', 'start', '--config', file],
    environment: () => environment,
    logFile: path.join(directory, `${name}.log`),
  });
}

function aBalancer(place: Place): Piece {
  const { directory, block } = place;
  const file = path.join(directory, 'haproxy.cfg');
  const text = moved('haproxy.cfg', 'balancer', place)
    .replaceAll('/run/haproxy/', `${directory}/`)
    .replace('bind :443 ', `bind ${block}.20:${BALANCER_PORT} `)
    .replace('bind :8443 ', `bind ${block}.20:${BALANCER_PORT + 1} `)
    .replace('bind 127.0.0.1:8404', `bind ${block}.20:8404`);
  writeFileSync(file, text);
  const logFile = path.join(directory, 'haproxy.log');
  return createPiece({ name: 'haproxy', command: () => ['haproxy', '-db', '-f', file], logFile });
}

interface CertificateOptions {
  readonly directory: string;
  /** Names and addresses of a machine, with commas between. */
  readonly names: (machine: Machine) => string;
  readonly balancer: string;
}

/** As cmd/deploy/README.md says. */
export function makeCertificates({ directory, names, balancer }: CertificateOptions): void {
  const machines = MACHINES.map((machine) => `node${machine}=${names(machine)}`);
  const args = [directory, ...machines, `balancer=${balancer}`];
  const { status, stderr } = spawnSync(path.join(DEPLOY, 'certificates.sh'), args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`certificates.sh ended with ${status}: ${stderr}`);
}

/** Lines of an EnvironmentFile of systemd. */
export function environmentOf(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n').filter((line) => /^\w+=/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
