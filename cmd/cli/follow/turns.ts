// At most so many pieces of work at the same time; the others wait for their turn, in order.

export interface Turns {
  readonly take: (work: () => Promise<void>) => Promise<void>;
}

export function createTurns(max: number): Turns {
  const waiting: (() => void)[] = [];
  let taken = 0;
  return {
    async take(work) {
      if (taken >= max) await new Promise<void>((resolve) => waiting.push(resolve));
      else taken += 1;
      try {
        await work();
      } finally {
        const next = waiting.shift();
        // The place is handed on, so that nobody slips in between.
        if (next === undefined) taken -= 1;
        else next();
      }
    },
  };
}
