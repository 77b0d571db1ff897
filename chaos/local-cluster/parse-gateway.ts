// What etcd's HTTP gateway answers: JSON with base64 keys and values, and 64-bit numbers as texts.

import type { Reign } from './reign.ts';

interface GatewayRecord {
  readonly value?: string;
  readonly create_revision?: string;
}

interface RangeAnswer {
  readonly kvs?: readonly GatewayRecord[];
}

interface WatchLine {
  readonly result?: { readonly events?: readonly { readonly type?: 'DELETE'; readonly kv?: GatewayRecord }[] };
}

/** The leader key in the answer to a range; null when it is not there. */
export function parseClaim(text: string): Reign | null {
  const { kvs } = JSON.parse(text) as RangeAnswer;
  const record = kvs?.[0];
  return record === undefined ? null : reignOf(record);
}

/** For each line of a watch, what became of the leader key. */
export async function* parseLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<readonly (Reign | null)[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield changesIn(line);
  }
}

function changesIn(line: string): readonly (Reign | null)[] {
  const { result } = JSON.parse(line) as WatchLine;
  return (result?.events ?? []).map(({ type, kv }) => (type === 'DELETE' || kv === undefined ? null : reignOf(kv)));
}

function reignOf({ value = '', create_revision: revision = '0' }: GatewayRecord): Reign {
  const claim = JSON.parse(Buffer.from(value, 'base64').toString('utf8')) as { readonly name: string };
  return { name: claim.name, term: Number(revision) };
}
