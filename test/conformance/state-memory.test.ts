// The memory backend passes the suite of all state stores.

import { createMemoryStore } from '../../store/state/memory/memory-store.ts';
import { describeStateStore } from './state-suite.ts';

describeStateStore('memory', async () => {
  const store = createMemoryStore();
  return { store, [Symbol.asyncDispose]: () => store.close() };
});
