// A server that answers each request with the next line of a script: what a client does about faults on the way.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach } from 'vitest';

/** 'reset' = the connection breaks without an answer; 'silence' = it stays open without one. */
export type Line = 'reset' | 'silence' | ScriptedAnswer;

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Breaks off after so many bytes of the body. */
  readonly cutAt?: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ScriptedServer {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
}

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** After the last line of the script every request gets that one again. */
export async function aScriptedServer(...script: readonly Line[]): Promise<ScriptedServer> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const line = script[Math.min(seen.length, script.length - 1)] ?? 'reset';
    const { method = '', url = '', headers } = request;
    const place = seen.push({ method, url, headers, body: '' }) - 1;
    answer(request, response, line).then(
      (body) => (seen[place] = { method, url, headers, body }),
      // A client that leaves before it has sent all: what it sent is nobody's business then.
      () => undefined,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function answer(request: IncomingMessage, response: ServerResponse, line: Line): Promise<string> {
  const body = await text(request).catch(() => '');
  if (line === 'reset') request.socket.resetAndDestroy();
  else if (line !== 'silence') {
    const { status, headers = {}, body: content = '{}', cutAt } = line;
    response.writeHead(status, { 'content-length': Buffer.byteLength(content), ...headers });
    if (cutAt === undefined) response.end(content);
    else response.write(content.slice(0, cutAt), () => request.socket.end());
  }
  return body;
}
