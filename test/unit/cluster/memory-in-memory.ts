// What a node remembers across restarts, for as long as the test keeps it.

import type { LocalMemory, Remembered } from '../../../cluster/join.ts';

export class MemoryInMemory implements LocalMemory {
  readonly place = 'the memory of the test';
  remembered: Remembered | null;

  constructor(remembered: Remembered | null = null) {
    this.remembered = remembered;
  }

  async read(): Promise<Remembered | null> {
    return this.remembered;
  }

  async write(remembered: Remembered): Promise<void> {
    this.remembered = remembered;
  }
}
