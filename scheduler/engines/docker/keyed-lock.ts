// One at a time for each key, in the order of asking: the steps of one attempt in this process must not mix.

export type KeyedLock<K> = <T>(key: K, work: () => Promise<T>) => Promise<T>;

export function createKeyedLock<K>(): KeyedLock<K> {
  const tails = new Map<K, Promise<void>>();
  return async (key, work) => {
    const before = tails.get(key);
    let release: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    tails.set(key, mine);
    try {
      await before;
      return await work();
    } finally {
      if (tails.get(key) === mine) tails.delete(key);
      release();
    }
  };
}
