// What a link does to the bytes on it.

export type LinkRule =
  | { readonly kind: 'pass' }
  /** Nobody listens: connections are refused, those that are open are reset. */
  | { readonly kind: 'refuse' }
  /**
   * Bytes stay where they are until the link is healed, and arrive then: a partition as TCP shows it, since the sender goes on
   * sending what was not confirmed. `answers` holds back only what comes back from the target, `requests` only what goes to it.
   */
  | { readonly kind: 'black hole'; readonly holds: 'both' | 'requests' | 'answers' }
  /** Each direction: so late, and not faster than that (null = no limit). */
  | {
      readonly kind: 'slow';
      readonly delayMs: number;
      readonly jitterMs: number;
      readonly bytesPerSecond: number | null;
    }
  /** A lost packet stalls a connection for a retransmission, or for several; now and then it breaks. Chances are for each chunk. */
  | { readonly kind: 'lossy'; readonly stallChance: number; readonly stallMs: number; readonly cutChance: number };

export type Direction = 'requests' | 'answers';

export const PASS: LinkRule = { kind: 'pass' };

/** Whether bytes in this direction have to wait for another rule. */
export function isHeld(rule: LinkRule, direction: Direction): boolean {
  return rule.kind === 'black hole' && (rule.holds === 'both' || rule.holds === direction);
}
