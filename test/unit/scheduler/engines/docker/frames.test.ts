import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Frame } from '../../../../../scheduler/engines/docker/frames.ts';
import { createFrameSplitter } from '../../../../../scheduler/engines/docker/frames.ts';

function encode(type: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function shown(frames: readonly Frame[]): readonly string[] {
  return frames.map(({ stream, payload }) => `${stream}:${Buffer.from(payload).toString('hex')}`);
}

describe('multiplexed stream', () => {
  test('cut anywhere it gives the same frames', () => {
    const frame = fc.record({ type: fc.constantFrom(1, 2), payload: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(600)), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ type, payload }) => encode(type, payload)));
        const splitter = createFrameSplitter();
        const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
        const got: string[] = [];
        let start = 0;
        for (const end of ends) {
          got.push(...shown(splitter.push(bytes.subarray(start, end))));
          start = end;
        }
        const wanted = frames.map(
          ({ type, payload }) => `${type === 1 ? 'stdout' : 'stderr'}:${Buffer.from(payload).toString('hex')}`,
        );
        expect(got).toEqual(wanted);
        expect(splitter.waiting).toBe(0);
      }),
    );
  });

  test('a frame that is not complete is known to wait', () => {
    const splitter = createFrameSplitter();
    expect(splitter.push(encode(1, Buffer.from('hello')).subarray(0, 11))).toEqual([]);
    expect(splitter.waiting).toBe(11);
  });

  test('many small pieces of a large frame are joined once, at its end', () => {
    const splitter = createFrameSplitter();
    const bytes = encode(2, Buffer.alloc(4_000_000, 7));
    const got: Frame[] = [];
    for (let at = 0; at < bytes.length; at += 1_000) got.push(...splitter.push(bytes.subarray(at, at + 1_000)));
    expect(got.map(({ payload }) => payload.length)).toEqual([4_000_000]);
  });

  test.each([
    ['an unknown stream', Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 65])],
    ['a length beyond all sense', Buffer.from([1, 0, 0, 0, 255, 255, 255, 255])],
    ['plain text', Buffer.from('HTTP/1.1 200 OK\r\n')],
  ])('%s is refused', (_what, bytes) => {
    expect(() => createFrameSplitter().push(bytes)).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });
});
