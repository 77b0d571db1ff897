// Bytes of objects on their way in and out: streamed, with ranges (RFC 9110, 14) and entity tags (8.8.3).

import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ByteRange, FoundObject } from '../operations/objects.ts';
import { AppError, errorText } from '../../store/model/errors.ts';
import type { RestApp } from './app.ts';

/** Lets bodies of any media type through unread. */
export function leaveBodiesUnread(app: RestApp): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
}

/**
 * The body of an upload. A client that goes away half-way is the client's mistake, not the server's. Whoever stops reading half-way
 * leaves the connection usable: the answer still has to go out on it.
 */
export async function* uploadOf({ raw }: Pick<FastifyRequest, 'raw'>): AsyncGenerator<Uint8Array> {
  const pieces: AsyncIterable<Uint8Array> = raw.iterator({ destroyOnReturn: false });
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => {
        throw new AppError('invalid', `The upload was cut off: ${errorText(error)}.`);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/**
 * The bytes that a Range header asks for. Undefined = all of them: no header, several ranges, or one that is not understood, which
 * a server may ignore. Null = none of them exist.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | null | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [first = '', last = ''] = match?.slice(1) ?? [];
  if (match === null || (first === '' && last === '')) return undefined;
  if (first === '')
    return Number(last) === 0 || size === 0 ? null : { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? null : { start, end };
}

/** Answers with the object's bytes. */
export async function sendObject(
  request: Pick<FastifyRequest, 'id' | 'headers'>,
  reply: FastifyReply,
  { record, open }: FoundObject,
): Promise<FastifyReply> {
  const tag = `"${record.sha256}"`;
  void reply.header('etag', tag).header('accept-ranges', 'bytes');
  if (request.headers['if-none-match'] === tag) return reply.code(304).send();
  const { size } = record;
  const range = rangeOf(request.headers.range, size);
  if (range === null) {
    const message = `Range Not Satisfiable: the object has ${size} bytes.`;
    return reply.code(416).header('content-range', `bytes */${size}`).send({ request_id: request.id, message });
  }
  const { body } = await open(range);
  const { start, end = size } = range ?? { start: 0, end: size };
  if (range !== undefined) void reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${size}`);
  void reply.header('content-type', 'application/octet-stream').header('content-length', end - start);
  return reply.send(Readable.from(body, { objectMode: false }));
}
