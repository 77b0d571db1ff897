// One call to a Docker daemon on a Unix socket: what the chaos suite itself asks of it, past the product's own client.

import http from 'node:http';

export interface Question {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly source?: NodeJS.ReadableStream;
  readonly json?: string;
  readonly signal?: AbortSignal;
}

/** One call, without deadline but the signal's; rejects when no answer comes. */
export async function ask(
  socketPath: string,
  { method = 'GET', path: route, source, json, signal }: Question,
): Promise<{ readonly status: number; readonly body: string }> {
  const type = source === undefined ? 'application/json' : 'application/x-tar';
  const headers = source === undefined && json === undefined ? {} : { 'content-type': type };
  const given = signal === undefined ? {} : { signal };
  const request = http.request({ socketPath, method, path: route, headers, ...given });
  if (source === undefined) request.end(json);
  else source.pipe(request);
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) body += String(chunk);
  return { status: answer.statusCode ?? 0, body };
}
