import { expect, test } from 'vitest';
import { CommitOrder } from '../../../../store/state/etcd/commit-order.ts';
import type { Transaction } from '../../../../store/state/port.ts';

const put = (...keys: readonly string[]): Transaction => ({
  compares: [],
  writes: keys.map((key) => ({ op: 'put', key, value: '' })),
});
const under = (start: string, end: string): Transaction => ({
  compares: [],
  writes: [{ op: 'delete_range', range: { start, end } }],
});
const compare = (key: string, write: string): Transaction => ({
  compares: [{ target: 'create', key, equals: 0 }],
  writes: [{ op: 'put', key: write, value: '' }],
});

/** Starts the transactions and says which were sent; `end` lets one of them end. */
async function ordered(...transactions: readonly Transaction[]) {
  const order = new CommitOrder();
  const sent: number[] = [];
  const ends: ((failed: boolean) => void)[] = [];
  const results = transactions.map((transaction, index) =>
    order.run(transaction, () => {
      sent.push(index);
      return new Promise<number>((resolve, reject) => {
        ends[index] = (failed) => (failed ? reject(new Error('refused')) : resolve(index));
      });
    }),
  );
  for (const result of results) result.catch(() => undefined);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  return {
    sent,
    end: async (index: number, failed = false) => {
      ends[index]?.(failed);
      await settle();
    },
  };
}

test.each([
  ['different keys', [put('a'), put('b')], [0, 1]],
  ['the same key', [put('a'), put('a')], [0]],
  ['one key in common', [put('a', 'b'), put('b', 'c'), put('d')], [0, 2]],
  ['a range over the key', [put('a1'), under('a', 'b')], [0]],
  ['a range beside the key', [put('b1'), under('a', 'b')], [0, 1]],
  ['a key inside a range', [under('a', 'b'), put('a1')], [0]],
  ['ranges', [under('a', 'b'), under('c', 'd')], [0]],
  ['a compare of a key that is being written', [put('a'), compare('a', 'b')], [0]],
  ['compares of one key', [compare('leader', 'a'), compare('leader', 'b')], [0, 1]],
] as const)('%s: sent at once are %j', async (_name, transactions, atOnce) => {
  const { sent } = await ordered(...transactions);
  expect(sent).toEqual(atOnce);
});

test('what waited is sent when the one before it is over, also when that failed', async () => {
  const { sent, end } = await ordered(put('a'), put('a'), put('a'));
  await end(0, true);
  expect(sent).toEqual([0, 1]);
  await end(1);
  expect(sent).toEqual([0, 1, 2]);
});
