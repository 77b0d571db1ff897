/** `p50 1.23 ms, p99 4.56 ms` of times in milliseconds. */
export function quantiles(times: readonly number[]): string {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (part: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
