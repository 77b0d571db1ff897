// A queue between event-driven streams and one reader, that says when it is full.

export interface ChunkQueue<T> {
  /** False when the reader is behind: stop the source until `onRoom`. */
  push(item: T): boolean;
  end(): void;
  readonly items: AsyncIterable<T>;
}

/** Pieces that wait for a reader; with pipes' 64 KiB pieces at most a megabyte for each session. */
const WAITING_MAX = 16;

export function createChunkQueue<T>(onRoom: () => void): ChunkQueue<T> {
  const waiting: T[] = [];
  let ended = false;
  let wake: (() => void) | null = null;

  function signal(): void {
    wake?.();
    wake = null;
  }

  async function* read(): AsyncGenerator<T> {
    for (;;) {
      const item = waiting.shift();
      if (item !== undefined) {
        if (waiting.length < WAITING_MAX) onRoom();
        yield item;
      } else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    push(item) {
      waiting.push(item);
      signal();
      return waiting.length < WAITING_MAX;
    },
    end() {
      ended = true;
      signal();
    },
    items: read(),
  };
}
