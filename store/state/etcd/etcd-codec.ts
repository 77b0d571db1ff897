// Between the port's texts and numbers and etcd's bytes and decimal strings. All keys lie under one prefix.

import type { ICompare, IKeyValue, IRequestOp } from 'etcd3';
import type { Compare, KeyRange, KeyValue, Write } from '../port.ts';

/** The enums of the wire by number: the library's are for its types only. */
const EQUAL = 0;
const TARGETS = { create: 1, mod: 2, value: 3 } as const;

export interface EtcdCodec {
  key(key: string): Buffer;
  range(range: KeyRange): { readonly key: Buffer; readonly range_end: Buffer };
  compare(compare: Compare): ICompare;
  write(write: Write): IRequestOp;
  keyValue(kv: IKeyValue): KeyValue;
  keyOf(kv: Pick<IKeyValue, 'key'>): string;
}

export function createEtcdCodec(prefix: string): EtcdCodec {
  const prefixBytes = Buffer.byteLength(prefix);
  const key = (text: string) => Buffer.from(prefix + text);
  const range = ({ start, end }: KeyRange) => ({ key: key(start), range_end: key(end) });
  const keyOf = (kv: Pick<IKeyValue, 'key'>) => kv.key.toString('utf8', prefixBytes);
  return {
    key,
    range,
    keyOf,
    compare: (compare) => {
      const base = { result: EQUAL, target: TARGETS[compare.target], key: key(compare.key) };
      switch (compare.target) {
        case 'create':
          return { ...base, create_revision: compare.equals };
        case 'mod':
          return { ...base, mod_revision: compare.equals };
        case 'value':
          return { ...base, value: Buffer.from(compare.equals) };
      }
    },
    write: (write) => {
      switch (write.op) {
        case 'put': {
          const lease = write.lease === undefined || write.lease === '' ? {} : { lease: write.lease };
          return { request_put: { key: key(write.key), value: Buffer.from(write.value), ...lease } };
        }
        case 'delete':
          return { request_delete_range: { key: key(write.key) } };
        case 'delete_range':
          return { request_delete_range: range(write.range) };
      }
    },
    keyValue: (kv) => ({
      key: keyOf(kv),
      value: kv.value.toString('utf8'),
      createRevision: Number(kv.create_revision),
      modRevision: Number(kv.mod_revision),
      version: Number(kv.version),
      lease: kv.lease === '0' ? '' : kv.lease,
    }),
  };
}
