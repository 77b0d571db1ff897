// Lengths of time as people write them: seconds as a number, or a number with its unit.

/** `90` (seconds), `'500ms'`, `'90s'`, `'5m'` or `'2h'`. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m` | `${number}h`;

export const DURATION_RULE = 'seconds from 0, or text such as "500ms", "90s", "5m" or "2h"';

const MILLISECONDS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Seconds, or null when the value is no duration. */
export function durationSeconds(duration: Duration): number | null {
  const seconds = typeof duration === 'number' ? duration : parseText(duration);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

function parseText(text: string): number {
  const [, amount = '', unit = ''] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text) ?? [];
  return (Number(amount) * (MILLISECONDS.get(unit) ?? Number.NaN)) / 1_000;
}
