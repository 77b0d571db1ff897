// An object's bytes, whatever becomes of the connection: after a break the rest is asked for, as long as it is still the same object.

import { UnreachableError } from './errors.ts';
import type { Transport } from './transport.ts';

export interface ObjectDownload {
  /** Bytes; null when the server did not say. */
  readonly size: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Each time the server answered well and then broke off: more than this is no accident. */
const BREAKS_MAX = 10;
/** The answer to a request for a part. */
const PARTIAL = 206;

export async function download(raw: Transport['raw'], path: string): Promise<ObjectDownload> {
  const answer = await raw({ method: 'GET', path });
  const length = answer.headers.get('content-length');
  return { size: length === null ? null : Number(length), body: resumedBody(raw, path, answer) };
}

async function* resumedBody(raw: Transport['raw'], path: string, first: Response): AsyncGenerator<Uint8Array> {
  const tag = first.headers.get('etag');
  let answer = first;
  let taken = 0;
  for (let breaks = 0; ; breaks += 1) {
    try {
      const body: AsyncIterable<Uint8Array> | null = answer.body;
      if (body === null) return;
      for await (const bytes of body) {
        taken += bytes.length;
        yield bytes;
      }
      return;
    } catch (error) {
      if (String(taken) === first.headers.get('content-length')) return;
      const lost = new UnreachableError(new URL(first.url).origin, error);
      if (tag === null || breaks === BREAKS_MAX) throw lost;
      answer = await raw({ method: 'GET', path, headers: { range: `bytes=${taken}-` } });
      const isRest = answer.status === PARTIAL && answer.headers.get('etag') === tag;
      if (isRest) continue;
      await answer.body?.cancel();
      throw lost;
    }
  }
}
