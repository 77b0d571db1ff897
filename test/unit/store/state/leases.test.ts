// Leases against a clock that the test moves.

import { expect, test } from 'vitest';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import { createEngine } from '../../../../store/state/mvcc/engine.ts';
import { DEFAULT_LIMITS } from '../../../../store/state/port.ts';
import { put, write } from '../../../conformance/state-world.ts';
import { createStubbornBacking } from './stubborn-backing.ts';
import { createVirtualClock } from './virtual-clock.ts';

test('a lease lives to the millisecond of its TTL', async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ clock });
  const { id } = await store.grantLease(5);
  await write(store, put('a', '', id));
  await clock.advance(4_999);
  expect(await store.get('a')).not.toBeNull();
  await clock.advance(1);
  expect(await store.get('a')).toBeNull();
});

test('each renewal counts from when it is made', async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ clock });
  const { id } = await store.grantLease(5);
  await write(store, put('a', '', id));
  for (let n = 0; n < 10; n++) {
    await clock.advance(4_000);
    await store.keepLease(id);
  }
  await clock.advance(4_999);
  expect(await store.get('a')).not.toBeNull();
  await clock.advance(1);
  expect(await store.get('a')).toBeNull();
});

test('a part of a second is rounded up, and a TTL that is none is refused', async () => {
  const store = createMemoryStore({ clock: createVirtualClock() });
  expect((await store.grantLease(0.2)).ttlSeconds).toBe(1);
  for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await expect(store.grantLease(ttl)).rejects.toMatchObject({ code: 'invalid' });
  }
});

test('a late timer does not lengthen a lease: after its time it takes no keys and cannot be kept', async () => {
  let now = 0;
  const store = createMemoryStore({ clock: { now: () => now, setTimer: () => () => undefined } });
  const { id } = await store.grantLease(5);
  await write(store, put('a', '', id));
  now = 5_000;
  await expect(store.commit({ compares: [], writes: [put('b', '', id)] })).rejects.toMatchObject({ code: 'not_found' });
  await expect(store.keepLease(id)).rejects.toMatchObject({ code: 'not_found' });
  expect(await store.get('a')).toBeNull();
});

test('a lease whose keys could not be deleted stays dead, and its keys go when the disk has room again', async () => {
  const clock = createVirtualClock();
  const backing = createStubbornBacking();
  const store = createEngine({ backing, clock, limits: DEFAULT_LIMITS, newLeaseId: () => 'one', defer: setImmediate });
  const { id } = await store.grantLease(5);
  const writing = write(store, put('a', '', id));
  await new Promise((resume) => setImmediate(resume));
  await backing.end('done');
  await writing;
  await clock.advance(5_000);
  await backing.end('not_applied');
  expect(await store.get('a')).not.toBeNull();
  await expect(store.commit({ compares: [], writes: [put('b', '', id)] })).rejects.toMatchObject({ code: 'not_found' });
  await clock.advance(1_000);
  await backing.end('done');
  expect(await store.get('a')).toBeNull();
});
