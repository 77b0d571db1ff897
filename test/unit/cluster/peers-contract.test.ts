// The node-to-node contract. After a change of api/proto/peer.proto: npx vitest run test/unit/cluster/peers-contract.test.ts -u

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { peerMethods } from '../../../cluster/peers/peer-codec.ts';

const ROOT = join(import.meta.dirname, '../../..');
const JSON_FORM = join(ROOT, 'cluster/peers/peer-contract.json');

test('the JSON form that is bundled says what api/proto/peer.proto says', async () => {
  const { root } = protobuf.parse(readFileSync(join(ROOT, 'api/proto/peer.proto'), 'utf8'));
  const options = await resolveConfig(JSON_FORM);
  const text = await format(JSON.stringify(root.toJSON(), null, 2), { ...options, filepath: JSON_FORM });
  await expect(text).toMatchFileSnapshot(JSON_FORM);
});

const pulse = { nodeId: 'n', name: 'a', term: null, storeSilentMs: 0, leader: null, clock: 1_795_000_000_000 };
const data = Buffer.from([0, 255, 10]);

const messages = [
  { name: 'a pulse of a follower', of: peerMethods.follow, value: pulse },
  {
    name: 'a pulse of a leader in a high term',
    of: peerMethods.follow,
    value: { ...pulse, term: Number.MAX_SAFE_INTEGER },
  },
  {
    name: 'a pulse of one that misses the leader',
    of: peerMethods.follow,
    value: { ...pulse, leader: { nodeId: 'l', silentMs: 1_500 } },
  },
  { name: 'a chunk', of: peerMethods.logs, value: { stream: 'stderr', at: 12, bytes: data } },
  { name: 'started', of: peerMethods.exec, value: { kind: 'started' } },
  { name: 'output', of: peerMethods.exec, value: { kind: 'output', chunk: { stream: 'stdout', at: 1, bytes: data } } },
  { name: 'exit code 0', of: peerMethods.exec, value: { kind: 'ended', exitCode: 0 } },
  { name: 'no exit code', of: peerMethods.exec, value: { kind: 'ended', exitCode: null } },
];

test.each(messages)('answers come out as they went in: $name', ({ of, value }) => {
  expect(of.responseDeserialize(of.responseSerialize(value as never))).toEqual(value);
});

const inputs = [
  {
    name: 'the start with a terminal',
    value: {
      kind: 'start',
      start: { engine: 'e', attemptId: 'a', command: ['sh', '-c', ''], terminal: { columns: 80, rows: 24 } },
    },
  },
  {
    name: 'the start with pipes',
    value: { kind: 'start', start: { engine: 'e', attemptId: 'a', command: [], terminal: null } },
  },
  { name: 'bytes', value: { kind: 'data', bytes: data } },
  { name: 'no bytes', value: { kind: 'data', bytes: Buffer.alloc(0) } },
  { name: 'another size', value: { kind: 'resize', size: { columns: 1, rows: 0 } } },
];

test.each(inputs)('inputs come out as they went in: $name', ({ value }) => {
  const { requestDeserialize, requestSerialize } = peerMethods.exec;
  expect(requestDeserialize(requestSerialize(value as never))).toEqual(value);
});

test('silence without end is a large number, not a failure', () => {
  const { responseDeserialize, responseSerialize } = peerMethods.follow;
  const { storeSilentMs } = responseDeserialize(responseSerialize({ ...pulse, storeSilentMs: Infinity }));
  expect(storeSilentMs).toBe(Number.MAX_SAFE_INTEGER);
});

test('a message of a later version, with a kind that is not known here, is an error and nothing else', () => {
  expect(() => peerMethods.exec.requestDeserialize(Buffer.alloc(0))).toThrow('unknown kind');
});
