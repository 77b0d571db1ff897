// Lengths of time as people write them: seconds as a number, or a number with its unit.

/** `90`, `'90s'`, `'5m'` or `'2h'`; always a whole number of seconds. */
export type Duration = number | `${number}s` | `${number}m` | `${number}h`;

const SECONDS = { s: 1, m: 60, h: 3_600 } as const;

/** Whole seconds, or null when the value is no duration. */
export function durationSeconds(duration: Duration): number | null {
  const seconds = typeof duration === 'number' ? duration : parseText(duration);
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : null;
}

function parseText(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([smh])$/.exec(text);
  const unit = match?.[2];
  if (unit !== 's' && unit !== 'm' && unit !== 'h') return Number.NaN;
  return Number(match?.[1]) * SECONDS[unit];
}
