import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatRefusal, formatToRaise } from '../../../cluster/format.ts';
import { keys } from '../../../store/keys.ts';
import { formatRecord } from '../../../store/records/cluster-records.ts';
import type { TestNode } from './cluster-world.ts';
import { ClusterWorld, writesKey } from './cluster-world.ts';

const OLD = { self: { formats: { min: 1, max: 1 } } };
const NEW = { self: { formats: { min: 1, max: 2 } } };
const NEWEST = { self: { formats: { min: 2, max: 3 } } };

describe('record forms', () => {
  test.each([
    { formats: { min: 1, max: 1 }, active: 1, says: null },
    { formats: { min: 1, max: 2 }, active: 1, says: null },
    { formats: { min: 1, max: 2 }, active: 3, says: 'form 3, and this build of Gofer knows forms 1 to 2 only' },
    { formats: { min: 1, max: 1 }, active: 2, says: 'form 2, and this build of Gofer knows form 1 only' },
    { formats: { min: 2, max: 3 }, active: 1, says: 'Upgrade all nodes to a version in between first' },
  ])('a build that knows $formats and a cluster in form $active: $says', ({ formats, active, says }) => {
    const refusal = formatRefusal(formats, active);
    if (says === null) expect(refusal).toBeNull();
    else expect(refusal).toContain(says);
  });

  test.each([
    { active: 1, members: [], wanted: null },
    { active: 1, members: [{ min: 1, max: 1 }], wanted: null },
    { active: 1, members: [{ min: 1, max: 2 }], wanted: 2 },
    {
      active: 1,
      members: [
        { min: 1, max: 2 },
        { min: 1, max: 1 },
      ],
      wanted: null,
    },
    {
      active: 1,
      members: [
        { min: 1, max: 3 },
        { min: 1, max: 2 },
      ],
      wanted: 2,
    },
    { active: 2, members: [{ min: 1, max: 2 }], wanted: null },
    { active: 2, members: [{ min: 1, max: 1 }], wanted: null },
    {
      active: 1,
      members: [
        { min: 3, max: 3 },
        { min: 1, max: 2 },
      ],
      wanted: null,
    },
  ])('in form $active, with members that know $members: raise to $wanted', ({ active, members, wanted }) => {
    expect(
      formatToRaise(
        active,
        members.map((formats) => ({ formats })),
      ),
    ).toBe(wanted);
  });
});

describe('a rolling upgrade', () => {
  let world: ClusterWorld;
  beforeEach(async () => {
    world = await ClusterWorld.create();
  });
  afterEach(() => world.end());

  async function recorded(): Promise<number> {
    const kv = await world.state.get(keys.format());
    return kv === null ? 0 : formatRecord.decode(kv.value).active;
  }
  const formats = (nodes: readonly TestNode[]) => nodes.map(({ node }) => node.activeFormat());

  test('the form is raised once the last old node is gone, and all nodes know it', async () => {
    const [old, b, c] = [await world.join('a', OLD), await world.join('b', NEW), await world.join('c', NEW)];
    await world.pass(5_000);
    expect(formats([old, b, c])).toEqual([1, 1, 1]);
    await world.stop(old);
    await world.pass(1_000);
    expect(formats([b, c])).toEqual([2, 2]);
    expect(await recorded()).toBe(2);
    await expect(world.join('a', OLD)).rejects.toThrow('Start a build at least as new');
    expect((await world.join('a', NEWEST)).node.activeFormat()).toBe(2);
  });

  test('a build that skipped a version is told to take the one in between', async () => {
    await world.join('a', OLD);
    await expect(world.join('c', NEWEST)).rejects.toThrow('Upgrade all nodes to a version in between first');
  });

  test('an old node whose joining was on its way while the form was raised is refused', async () => {
    const [leaving] = [await world.join('x', OLD), await world.join('b', NEW)];
    const joining = world.begin('a', {
      ...OLD,
      onLink: (link) => {
        link.decide = (transaction) =>
          writesKey(transaction, keys.member('a')) ? { kind: 'delay', delayMs: 1_000 } : undefined;
      },
    });
    joining.catch(() => undefined);
    await world.pass(100);
    await world.stop(leaving);
    await world.pass(3_000);
    expect(await recorded()).toBe(2);
    await expect(joining).rejects.toThrow('Start a build at least as new');
    expect(await world.state.get(keys.member('a'))).toBeNull();
  });

  test('an old node that joins in the moment of the raise is either seen or refused', async () => {
    const b = await world.join('b', NEW);
    await world.pass(1_000);
    expect(b.node.activeFormat()).toBe(2);
    // Once more: the raise is decided, and is on its way when the old node joins.
    let delayed = false;
    b.link.decide = (transaction) => {
      if (delayed || !writesKey(transaction, keys.format())) return undefined;
      delayed = true;
      return { kind: 'delay', delayMs: 300 };
    };
    await world.state.commit({
      compares: [],
      writes: [{ op: 'put', key: keys.format(), value: formatRecord.encode({ active: 1 }) }],
    });
    await world.pass(10);
    const old = await world.join('a', OLD);
    await world.pass(5_000);
    expect(delayed).toBe(true);
    expect(await recorded()).toBe(1);
    expect(old.node.readiness().ready).toBe(true);
  });
});
