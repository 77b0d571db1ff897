// Makes a plan that breaks a promise shorter while it still breaks the same one: faults and demands are left out in ever smaller
// pieces (delta debugging), then times are rounded down.

import type { Plan } from './plan.ts';

/** Enough for the longest plans; each try is one history. */
const TRIES_MAX = 400;

/** The id of the broken promise; null when the plan does no harm. */
export type Judge = (plan: Plan) => Promise<string | null>;

export async function shrink(plan: Plan, judge: Judge): Promise<{ readonly plan: Plan; readonly tries: number }> {
  const wanted = await judge(plan);
  if (wanted === null) return { plan, tries: 1 };
  let best = plan;
  let tries = 1;

  async function take(tried: Plan): Promise<boolean> {
    if (tries >= TRIES_MAX) return false;
    tries += 1;
    if ((await judge(tried)) !== wanted) return false;
    best = tried;
    return true;
  }

  for (let before = -1; before !== sizeOf(best) && tries < TRIES_MAX;) {
    before = sizeOf(best);
    await shorten(
      () => best.faults,
      (faults) => take({ ...best, faults }),
    );
    await shorten(
      () => best.demands,
      (demands) => take({ ...best, demands }),
    );
  }
  await take({ ...best, nodes: best.nodes.map((node) => ({ ...node, rate: 1, wallOffsetMs: 0 })) });
  return { plan: best, tries };
}

function sizeOf({ faults, demands }: Plan): number {
  return faults.length + demands.length;
}

/** Leaves out halves, then quarters, then single ones, for as long as `take` likes what is left. */
async function shorten<T>(items: () => readonly T[], take: (left: readonly T[]) => Promise<boolean>): Promise<void> {
  for (let piece = Math.ceil(items().length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    let start = 0;
    while (start < items().length) {
      const now = items();
      const left = [...now.slice(0, start), ...now.slice(start + piece)];
      if (!(await take(left))) start += piece;
    }
  }
}
