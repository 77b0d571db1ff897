import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isAppError } from '../../../../../store/model/errors.ts';
import { Gathering } from '../../../../../store/state/etcd/gathering.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

function stage({ lanes, most }: { readonly lanes: number; readonly most: number }) {
  const sent: (readonly number[])[] = [];
  const refused: number[] = [];
  const ends: (() => void)[] = [];
  const gathering = new Gathering<number>({
    lanes,
    cut: (waiting) => Math.min(waiting.length, most),
    send: (items) => {
      sent.push(items);
      return new Promise((resolve) => ends.push(resolve));
    },
    refuse: (item, error) => {
      expect(error).toSatisfy((it) => isAppError(it, 'unavailable') && it.outcome === 'not_applied');
      refused.push(item);
    },
  });
  const add = async (...items: number[]) => {
    for (const item of items) gathering.add(item);
    await settle();
  };
  const end = async () => {
    ends.shift()?.();
    await settle();
  };
  return { sent, refused, add, end };
}

test('alone goes at once', async () => {
  const { sent, add } = stage({ lanes: 2, most: 10 });
  await add(1);
  await add(2);
  expect(sent).toEqual([[1], [2]]);
});

test('what is added in one turn goes together', async () => {
  const { sent, add } = stage({ lanes: 2, most: 10 });
  await add(1, 2, 3);
  expect(sent).toEqual([[1, 2, 3]]);
});

test('with all lanes taken it waits, and goes together when one is free, in the order of arrival', async () => {
  const { sent, add, end } = stage({ lanes: 2, most: 3 });
  await add(1);
  await add(2);
  await add(3, 4);
  await add(5, 6);
  expect(sent).toEqual([[1], [2]]);
  await end();
  expect(sent).toEqual([[1], [2], [3, 4, 5]]);
  await end();
  expect(sent).toEqual([[1], [2], [3, 4, 5], [6]]);
});

test('who waited too long is refused for certain; those who came later go out', async () => {
  const { sent, refused, add, end } = stage({ lanes: 1, most: 10 });
  await add(1);
  await add(2);
  vi.advanceTimersByTime(2_000);
  await add(3);
  vi.advanceTimersByTime(2_000);
  await end();
  expect({ sent, refused }).toEqual({ sent: [[1], [3]], refused: [2] });
});

test('a queue without end is refused at its end', async () => {
  const { refused, add } = stage({ lanes: 1, most: 10 });
  await add(0);
  await add(...Array.from({ length: 20_005 }, (_, n) => n + 1));
  expect(refused).toEqual([20_001, 20_002, 20_003, 20_004, 20_005]);
});
