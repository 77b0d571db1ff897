// HAProxy before the nodes, with the rules of cmd/deploy/haproxy.cfg and shorter times: what is found out here holds there.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { hostPort } from './links.ts';
import type { Address } from './links.ts';
import { createPiece } from './piece.ts';
import type { Piece } from './piece.ts';

export interface Balancer extends Piece {
  /** Of the API, through whichever node. */
  readonly url: string;
  readonly address: Address;
  /** Page for people: who is up, what failed. */
  readonly statsUrl: string;
  /** Says a line to the admin socket, such as `set server nodes/node-1 state drain`, and gives its answer. */
  command(line: string): Promise<string>;
}

export interface BalancerOptions {
  readonly directory: string;
  readonly logs: string;
  readonly ports: { readonly api: number; readonly stats: number };
  /** What HAProxy uses to reach each node's API. */
  readonly servers: readonly { readonly name: string; readonly address: Address }[];
  /** A node that takes longer to answer a health check has missed it; two in a row, and it is down. */
  readonly checkLimitMs: number;
}

export function createBalancer({ directory, logs, ports, ...nodes }: BalancerOptions): Balancer {
  const address = { host: '127.0.0.1', port: ports.api };
  const stats = { host: '127.0.0.1', port: ports.stats };
  const configFile = path.join(directory, 'haproxy.cfg');
  const socket = path.join(directory, 'haproxy.sock');
  writeFileSync(configFile, balancerConfig({ address, stats, socket, ...nodes }));
  const piece = createPiece({
    name: 'haproxy',
    command: () => ['haproxy', '-db', '-f', configFile],
    logFile: path.join(logs, 'haproxy.log'),
  });
  return {
    ...piece,
    address,
    url: `http://${hostPort(address)}`,
    statsUrl: `http://${hostPort(stats)}/`,
    command: (line) => ask(socket, line),
  };
}

interface ConfigOptions {
  readonly address: Address;
  readonly stats: Address;
  readonly socket: string;
  readonly servers: BalancerOptions['servers'];
  readonly checkLimitMs: number;
}

/** What HAProxy says itself looks as the API's own refusals do. */
const OWN_ERRORS = [
  { status: 502, message: 'The node of Gofer broke off before it answered; what was asked may have been done.' },
  { status: 503, message: 'No node of Gofer is ready; try again in a moment.' },
  { status: 504, message: 'The node of Gofer did not answer in time; what was asked may have been done.' },
] as const;

function ownError({ status, message }: (typeof OWN_ERRORS)[number]): string {
  const body = JSON.stringify({ request_id: '', message });
  const again = status === 503 ? ' hdr retry-after 1' : '';
  return `  http-error status ${status} content-type application/json string '${body}'${again}`;
}

/** The reasons behind each line are in cmd/deploy/haproxy.cfg. */
function balancerConfig({ address, stats, socket, servers, checkLimitMs }: ConfigOptions): string {
  const lines = servers.map((server) => `  server ${server.name} ${hostPort(server.address)}`);
  return `global
  maxconn 2000
  log stdout format raw local0 info
  stats socket ${socket} mode 600 level admin

defaults
  mode http
  log global
  option httplog
  option dontlognull
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  timeout queue 5s
  timeout http-request 60s
  timeout http-keep-alive 60s
  timeout check ${checkLimitMs}ms
${OWN_ERRORS.map(ownError).join('\n')}

frontend api
  bind ${hostPort(address)}
  default_backend nodes

backend nodes
  balance roundrobin
  option http-server-close
  option http-pretend-keepalive
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless METH_GET
  option httpchk
  http-check send meth GET uri /readyz
  http-check expect error-status L7OKC status 200
  default-server check inter 300ms fastinter 150ms downinter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
${lines.join('\n')}

frontend stats
  bind ${hostPort(stats)}
  no log
  stats enable
  stats uri /
  stats refresh 2s
`;
}

async function ask(socket: string, line: string): Promise<string> {
  const connection = connect(socket);
  await once(connection, 'connect');
  connection.end(`${line}\n`);
  let answer = '';
  for await (const chunk of connection.setEncoding('utf8')) answer += String(chunk);
  return answer.trim();
}
