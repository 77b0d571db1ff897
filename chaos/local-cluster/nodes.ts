// The nodes of the local cluster: the real executable, as an operator would start it, with settings from the environment.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { hostPort } from './links.ts';
import type { Address, Route } from './links.ts';
import { createPiece } from './piece.ts';
import type { Piece } from './piece.ts';
import { GaveUpError, waitUntil } from './wait-until.ts';

export interface LocalNode extends Piece {
  /** Its own API, without HAProxy. */
  readonly url: string;
  readonly address: Address;
  readonly peerAddress: Address;
  /** Resolves once it says that it is ready; throws with the end of its log when it ends before. */
  ready(limitMs?: number): Promise<void>;
}

export interface NodeOptions {
  readonly directory: string;
  readonly logs: string;
  readonly ports: readonly { readonly api: number; readonly peer: number }[];
  readonly etcd: readonly { readonly name: string; readonly address: Address }[];
  readonly route: Route;
  /** Given to tasks. */
  readonly apiUrl: string;
  readonly engine: 'process' | 'docker';
  /** The launcher of the build that runs. */
  readonly executable: string;
  /** Further settings and variables of one node. */
  readonly environment: (name: string) => Readonly<Record<string, string>>;
}

/** What etcd keys of this cluster begin with. */
export const PREFIX = 'gofer/';

/** Somewhat below REQUEST_BYTES_MAX of etcd-members.ts, which counts the frame as well. */
const WRITE_BYTES_MAX = 10_000_000;

/** A start takes a second; a machine that starts everything at once may take far longer. */
const READY_LIMIT_MS = 60_000;
const PROBE_LIMIT_MS = 1_000;
const SECRET_KEY_BYTES = 32;

export async function createNodes(options: NodeOptions): Promise<readonly LocalNode[]> {
  const secretKey = randomBytes(SECRET_KEY_BYTES).toString('hex');
  return Promise.all(
    options.ports.map(async ({ api, peer }, index) => {
      const name = `node-${index + 1}`;
      const address = { host: '127.0.0.1', port: api };
      const peerAddress = { host: '127.0.0.1', port: peer };
      const links = await linksOf(name, peerAddress, options);
      const settings = settingsOf({ name, address, peerAddress, secretKey }, links, options);
      const piece = createPiece({
        name,
        command: () => [process.execPath, options.executable, 'service', 'start'],
        environment: () => ({ ...withoutSettings(), ...settings, ...options.environment(name) }),
        logFile: path.join(options.logs, `${name}.log`),
      });
      const url = `http://${hostPort(address)}`;
      return { ...piece, url, address, peerAddress, ready: (limitMs) => ready(piece, { url, limitMs }) };
    }),
  );
}

interface LinksOfNode {
  readonly endpoints: readonly string[];
  readonly advertised: Address;
  /** Null: the engine's own choice. */
  readonly docker: Address | null;
}

async function linksOf(name: string, peerAddress: Address, options: NodeOptions): Promise<LinksOfNode> {
  const { route, etcd, engine } = options;
  const endpoints = await Promise.all(
    etcd.map(async (member) => {
      const used = await route({ kind: 'node-etcd', from: name, to: member.name, address: member.address });
      return `http://${hostPort(used)}`;
    }),
  );
  const advertised = await route({ kind: 'node-node', from: '*', to: name, address: peerAddress });
  if (engine !== 'docker') return { endpoints, advertised, docker: null };
  const docker = await route({ kind: 'node-docker', from: name, to: 'docker', address: { host: '', port: 0 } });
  return { endpoints, advertised, docker: docker.port === 0 ? null : docker };
}

interface Identity {
  readonly name: string;
  readonly address: Address;
  readonly peerAddress: Address;
  readonly secretKey: string;
}

function settingsOf(node: Identity, links: LinksOfNode, options: NodeOptions): Readonly<Record<string, string>> {
  const { directory, engine, apiUrl } = options;
  const dataDirectory = path.join(directory, node.name);
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  return {
    GOFER_WEB_SERVER__BIND_ADDRESS: hostPort(node.address),
    GOFER_WEB_SERVER__DATA_DIR: dataDirectory,
    GOFER_WEB_STATE_STORE__ENGINE: 'etcd',
    GOFER_WEB_STATE_STORE__ETCD__ENDPOINTS: links.endpoints.join(','),
    GOFER_WEB_STATE_STORE__ETCD__PREFIX: PREFIX,
    GOFER_WEB_STATE_STORE__ETCD__REQUEST_BYTES_MAX: String(WRITE_BYTES_MAX),
    GOFER_WEB_CLUSTER__NAME: node.name,
    GOFER_WEB_CLUSTER__BIND_ADDRESS: hostPort(node.peerAddress),
    GOFER_WEB_CLUSTER__ADVERTISE_ADDRESS: hostPort(links.advertised),
    GOFER_WEB_SCHEDULER__ENGINE: engine,
    GOFER_WEB_SCHEDULER__PROCESS__DIRECTORY: attemptsDirectory(directory),
    ...(links.docker === null ? {} : { GOFER_WEB_SCHEDULER__DOCKER__HOST: `tcp://${hostPort(links.docker)}` }),
    GOFER_WEB_SCHEDULER__TASK_API_URL: apiUrl,
    GOFER_WEB_OBJECT_STORE__FILESYSTEM__PATH: path.join(directory, 'objects'),
    GOFER_WEB_OBJECT_STORE__FILESYSTEM__SHARED: 'true',
    GOFER_WEB_SECRET_STORE__SEALED__KEY: node.secretKey,
    GOFER_WEB_DEVELOPMENT__PRETTY_LOGGING: 'false',
    // HAProxy asks more often here than in production.
    GOFER_WEB_SERVER__DRAIN_SECONDS: '1',
  };
}

/** Where the process engine keeps its attempts: one place for all nodes, so that each can adopt what another began. */
export function attemptsDirectory(directory: string): string {
  return path.join(directory, 'attempts');
}

/** The environment of whoever runs this, without settings that are meant for a server of his own. */
function withoutSettings(): Readonly<Record<string, undefined>> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('GOFER_'));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

async function ready(
  piece: Piece,
  { url, limitMs = READY_LIMIT_MS }: { readonly url: string; readonly limitMs?: number | undefined },
): Promise<void> {
  const start = piece.starts();
  await waitUntil(
    async () => {
      if (!piece.running() || piece.starts() !== start)
        throw new GaveUpError(`${piece.name} ended:\n${piece.lastLines()}`);
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
      if (answer.ok) return true;
      throw new Error(`${answer.status}: ${await answer.text()}`);
    },
    { limitMs, what: () => `${piece.name} does not become ready:\n${piece.lastLines()}` },
  );
}
