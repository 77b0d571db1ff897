// The part of the state suite that is about leases. A backend may grant a longer TTL than was asked for, and delete up to a few
// seconds after it.

import { expect, test } from 'vitest';
import type { StateStore } from '../../store/state/port.ts';
import { eventually } from '../eventually.ts';
import { appError, freshKeys, put, record, remove, told, write } from './state-world.ts';

/** What a backend may take on top of the TTL. */
const EXPIRY_SLACK_MS = 8_000;

export function leaseTests(store: () => StateStore): void {
  test('a lease has at least the TTL that was asked for', async () => {
    const lease = await store().grantLease(7);
    expect(lease.ttlSeconds).toBeGreaterThanOrEqual(7);
    await store().revokeLease(lease.id);
  });

  test('leases have ids of their own', async () => {
    const [one, other] = await Promise.all([store().grantLease(60), store().grantLease(60)]);
    expect(one.id).not.toBe(other.id);
    await store().revokeLease(one.id);
    await store().revokeLease(other.id);
  });

  test('a key tells the lease that it dies with', async () => {
    const { at } = freshKeys();
    const { id } = await store().grantLease(60);
    await write(store(), put(at('a'), '', id));
    expect((await store().get(at('a')))?.lease).toBe(id);
    await store().revokeLease(id);
  });

  test('revoking deletes the keys of the lease, in one commit, and only them', async () => {
    const { at, all } = freshKeys();
    const { id } = await store().grantLease(60);
    const before = await write(store(), put(at('a'), '', id), put(at('b'), '', id), put(at('other'), ''));
    const watch = await record(store(), all);
    await store().revokeLease(id);
    expect((await store().range(all)).kvs.map((kv) => kv.key)).toEqual([at('other')]);
    await eventually(() => expect(told(watch.events()).sort()).toEqual([`delete ${at('a')}`, `delete ${at('b')}`]));
    for (const event of watch.events()) expect(event).toMatchObject({ modRevision: before + 1 });
    watch.stop();
  });

  test('revoking right after a write catches its key', async () => {
    const { at } = freshKeys();
    const { id } = await store().grantLease(60);
    const written = write(store(), put(at('a'), '', id));
    await Promise.all([written, written.then(() => store().revokeLease(id))]);
    expect(await store().get(at('a'))).toBeNull();
  });

  test('revoking twice, or a lease that never was, is no error', async () => {
    const { id } = await store().grantLease(60);
    await store().revokeLease(id);
    await store().revokeLease(id);
  });

  test('a lease that is gone cannot be kept and takes no keys', async () => {
    const { at } = freshKeys();
    const { id } = await store().grantLease(60);
    await store().revokeLease(id);
    await expect(store().keepLease(id)).rejects.toEqual(appError('not_found'));
    const writes = [put(at('free'), ''), put(at('a'), '', id)];
    await expect(store().commit({ compares: [], writes })).rejects.toEqual(appError('not_found'));
    expect(await store().get(at('free'))).toBeNull();
  });

  test('a write without the lease frees the key from it', async () => {
    const { at } = freshKeys();
    const { id } = await store().grantLease(60);
    await write(store(), put(at('a'), '1', id));
    await write(store(), put(at('a'), '2'));
    await store().revokeLease(id);
    expect(await store().get(at('a'))).toMatchObject({ value: '2', lease: '', version: 2 });
  });

  test('a key goes with its last lease', async () => {
    const { at } = freshKeys();
    const one = await store().grantLease(60);
    const other = await store().grantLease(60);
    await write(store(), put(at('a'), '1', one.id));
    await write(store(), put(at('a'), '2', other.id));
    await store().revokeLease(one.id);
    expect((await store().get(at('a')))?.value).toBe('2');
    await store().revokeLease(other.id);
    expect(await store().get(at('a'))).toBeNull();
  });

  test('a key deleted and made anew without the lease outlives it', async () => {
    const { at } = freshKeys();
    const { id } = await store().grantLease(60);
    await write(store(), put(at('a'), '1', id));
    await write(store(), remove(at('a')));
    await write(store(), put(at('a'), '2'));
    await store().revokeLease(id);
    expect((await store().get(at('a')))?.value).toBe('2');
  });

  test('a lease that nobody keeps expires with its keys; one that is kept does not', { timeout: 60_000 }, async () => {
    const { at, all } = freshKeys();
    const kept = await store().grantLease(1);
    const left = await store().grantLease(1);
    await write(store(), put(at('kept'), '', kept.id), put(at('left'), '', left.id));
    const watch = await record(store(), all);
    await eventually(
      async () => {
        await store().keepLease(kept.id);
        expect(await store().get(at('left'))).toBeNull();
      },
      left.ttlSeconds * 1_000 + EXPIRY_SLACK_MS,
    );
    await store().keepLease(kept.id);
    expect(await store().get(at('kept'))).not.toBeNull();
    await eventually(() => expect(told(watch.events())).toEqual([`delete ${at('left')}`]));
    await expect(store().keepLease(left.id)).rejects.toEqual(appError('not_found'));
    await store().revokeLease(kept.id);
    watch.stop();
  });
}
