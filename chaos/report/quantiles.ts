// Quantiles of measured times.

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Null of nothing. A p99 of fewer than a hundred values is the largest of them. */
export function quantiles(values: readonly number[]): Quantiles | null {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? 0;
  if (sorted.length === 0) return null;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
