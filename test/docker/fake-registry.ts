// A registry with one image, as far as a Docker daemon needs one for a pull. The daemon takes plain HTTP from loopback addresses.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { busyboxImage } from './busybox-image.mjs';

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

export interface FakeRegistry extends AsyncDisposable {
  /** Name of the one image, with its registry. */
  readonly image: string;
  /** Another one of this registry, which it does not have. */
  readonly missingImage: string;
  /** How often a manifest was asked for: once or twice in each pull. */
  manifests(): number;
  /** Nothing is answered any more until `go`. */
  hold(): void;
  go(): void;
}

/** `login` null = open to everybody. */
export async function openRegistry(
  login: { readonly user: string; readonly pass: string } | null,
): Promise<FakeRegistry> {
  const blobs = anImage();
  let manifests = 0;
  let going = Promise.resolve();
  let release: () => void = () => undefined;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = '' } = request;
    if (login !== null && request.headers.authorization !== basic(login)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end(problem('UNAUTHORIZED'));
      return;
    }
    if (url.includes('/manifests/')) manifests += 1;
    const found =
      url === '/v2/' ? Buffer.alloc(0) : blobs.get(/^\/v2\/gofer-test\/there\/\w+\/(.+)$/.exec(url)?.[1] ?? '');
    if (found === undefined) response.writeHead(404).end(problem('MANIFEST_UNKNOWN'));
    else {
      const type = url.includes('/manifests/') ? MANIFEST_TYPE : 'application/octet-stream';
      const headers = { 'content-type': type, 'content-length': found.length, 'docker-content-digest': digest(found) };
      response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : found);
    }
  }

  const server = createServer((request, response) => {
    going.then(() => answer(request, response)).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  const host = `127.0.0.1:${address.port}`;
  return {
    image: `${host}/gofer-test/there:1`,
    missingImage: `${host}/gofer-test/not-there:1`,
    manifests: () => manifests,
    hold: () => void (going = new Promise((resolve) => (release = resolve))),
    go: () => release(),
    async [Symbol.asyncDispose]() {
      release();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Blobs and the manifest by digest; the manifest also by its tag. */
function anImage(): ReadonlyMap<string, Buffer> {
  const tar = busyboxImage('/bin/busybox');
  const layer = gzipSync(tar, { level: 1 });
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [digest(tar)] },
    }),
  );
  const part = (mediaType: string, bytes: Buffer) => ({ mediaType, size: bytes.length, digest: digest(bytes) });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: part('application/vnd.docker.container.image.v1+json', config),
      layers: [part('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    }),
  );
  return new Map([['1', manifest], ...[manifest, config, layer].map((bytes) => [digest(bytes), bytes] as const)]);
}

function digest(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function basic({ user, pass }: { readonly user: string; readonly pass: string }): string {
  return `Basic ${Buffer.from(`${user}:${pass}`).toString('base64')}`;
}

function problem(code: string): string {
  return JSON.stringify({ errors: [{ code, message: code.toLowerCase().replaceAll('_', ' ') }] });
}
