import { expect, test } from 'vitest';
import { createKeyedLock } from '../../../../../scheduler/engines/docker/keyed-lock.ts';

test('keyed lock: the same key waits, another does not, and a failure lets the next in', async () => {
  const locked = createKeyedLock<string>();
  const seen: string[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = locked('a', async () => {
    await held;
    seen.push('a1');
    throw new Error('a1 failed');
  });
  const second = locked('a', async () => seen.push('a2'));
  await locked('b', async () => seen.push('b'));
  release();
  await expect(first).rejects.toThrow('a1 failed');
  await second;
  expect(seen).toEqual(['b', 'a1', 'a2']);
});
