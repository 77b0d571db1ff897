// Instants in records were written by whoever led at the time, and its clock may have been ahead. What it put off until "in a minute" would
// then wait for as long as that clock was ahead, be it an hour. But no wait can be longer than its own length: whatever ends later than a
// wait that begins now has been written by such a clock. How late it really began cannot be known, so it begins now.

import type { Instant } from '../../store/model/ids.ts';

/** Between the clocks of two leaders so much is nothing to write a record for. */
export const CLOCK_SLACK_MS = 1_000;

/** `at`, or the end of a wait of `lengthMs` from now on if that is earlier by more than clocks may differ. */
export function plausibleEnd(at: Instant, lengthMs: number, now: Instant): Instant {
  const latest = now + lengthMs;
  return at > latest + CLOCK_SLACK_MS ? latest : at;
}
