// Moments and lengths of time in words.

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600_000],
  ['month', 2_629_800_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

export interface TimeStyle {
  readonly now: number;
  /** Exact times instead of "3 hours ago". */
  readonly detail: boolean;
}

/** `never` is the word for 0, which on the wire means that it has not happened. */
export function timeWords(instant: number, { now, detail }: TimeStyle, never = 'never'): string {
  if (instant === 0) return never;
  return detail ? rfc2822(instant) : relative(instant - now);
}

/** `1 hour, 25 mins, 12 secs`; milliseconds only below one minute. */
export function durationWords(milliseconds: number): string {
  const total = Math.max(0, Math.round(milliseconds));
  const seconds = Math.floor(total / 1_000);
  const parts = [
    counted(Math.floor(seconds / 86_400), 'day'),
    counted(Math.floor(seconds / 3_600) % 24, 'hour'),
    counted(Math.floor(seconds / 60) % 60, 'min'),
    counted(seconds % 60, 'sec'),
    total < 60_000 && total % 1_000 > 0 ? `${total % 1_000} ms` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '0 secs' : parts.join(', ');
}

/** From start to end, or to now while it has not ended; `0 secs` when it never started. */
export function spanWords(
  { started, ended }: { readonly started: number; readonly ended: number },
  now: number,
): string {
  return started === 0 ? '0 secs' : durationWords((ended === 0 ? now : ended) - started);
}

/** `Fri, 21 Nov 2025 08:45:00 +0000` */
export function rfc2822(instant: number): string {
  return new Date(instant).toUTCString().replace(/GMT$/, '+0000');
}

function relative(distance: number): string {
  for (const [unit, length] of UNITS) {
    const amount = Math.trunc(distance / length);
    if (amount !== 0) return new Intl.RelativeTimeFormat('en', { numeric: 'always' }).format(amount, unit);
  }
  return 'now';
}

function counted(amount: number, unit: string): string {
  if (amount === 0) return '';
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
