// Keys that are read at the same time share one request, and a key that several want is read once. All of them were asked for before the
// request goes out, so each finds what was acknowledged before it asked.

import type { IKeyValue } from 'etcd3';
import type { KeyValue } from '../port.ts';
import type { EtcdCodec } from './etcd-codec.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';
import { Gathering } from './gathering.ts';

export interface ReadGroupsDeps {
  readonly endpoints: EtcdEndpoints;
  readonly codec: EtcdCodec;
}

/** As for commits: more requests under way would only make them smaller. */
const LANES = 2;
/** That many of the largest values still fit into one answer (`grpc.max_receive_message_length`). */
const KEYS_MAX = 32;

interface Reader {
  readonly key: string;
  readonly resolve: (kv: KeyValue | null) => void;
  readonly reject: (error: unknown) => void;
}

export class ReadGroups {
  /** Requests that went out. */
  sent = 0;
  readonly #deps: ReadGroupsDeps;
  readonly #gathering: Gathering<Reader>;

  constructor(deps: ReadGroupsDeps) {
    this.#deps = deps;
    this.#gathering = new Gathering<Reader>({
      lanes: LANES,
      cut: (waiting) => Math.min(waiting.length, KEYS_MAX),
      send: (readers) => this.#send(readers),
      refuse: (reader, error) => reader.reject(error),
    });
  }

  get(key: string): Promise<KeyValue | null> {
    return new Promise((resolve, reject) => this.#gathering.add({ key, resolve, reject }));
  }

  async #send(readers: readonly Reader[]): Promise<void> {
    const keys = [...new Set(readers.map(({ key }) => key))];
    try {
      const found = await this.#read(keys);
      for (const { key, resolve } of readers) resolve(found.get(key) ?? null);
    } catch (error) {
      for (const { reject } of readers) reject(error);
    }
  }

  async #read(keys: readonly string[]): Promise<ReadonlyMap<string, KeyValue>> {
    const { codec } = this.#deps;
    this.sent += 1;
    const kvs = await this.#ask(keys.map((key) => ({ key: codec.key(key) })));
    return new Map(kvs.map((kv) => [codec.keyOf(kv), codec.keyValue(kv)]));
  }

  async #ask(ranges: readonly { readonly key: Buffer }[]): Promise<readonly IKeyValue[]> {
    const { endpoints } = this.#deps;
    const linear = { isLinear: true };
    const [only] = ranges;
    if (ranges.length === 1 && only !== undefined) {
      const { kvs } = await endpoints.read((client, call) => client.kv.range(only, call), linear);
      return kvs;
    }
    const request = { success: ranges.map((range) => ({ request_range: range })) };
    const { responses } = await endpoints.read((client, call) => client.kv.txn(request, call), linear);
    return responses.flatMap(({ response_range: page }) => page.kvs);
  }
}
