// What a fault is to whoever causes it: it is begun, is seen to have taken effect, and is healed.

import type { Session } from '../session/session.ts';

export interface Fault {
  readonly name: string;
  /** For people: what is done to what. */
  readonly what: string;
  /** Names of the groups by which `--faults` may ask for it. */
  readonly groups: readonly string[];
  /** What it does to the leader's reign when all goes well. `either`: it depends on how the parts happen to lie. */
  readonly reign: 'ends' | 'goes on' | 'either';
  /** How long it is left alone at least before it is healed. Some take no effect in less. */
  readonly holdMs: number;
  /** The engine stands still: starts that it was told before come when it goes on. */
  readonly holdsEngine?: boolean;
  /** What a body prints in those moments may be lost: whoever read it is killed. */
  readonly losesOutput?: boolean;
  /** Null = it can be done here; else what is missing. */
  missing(session: Session): string | null;
  begin(session: Session): Promise<OngoingFault>;
}

export interface OngoingFault {
  /** Who is hit. */
  readonly target: string;
  /** performance.now() when it took effect. */
  readonly at: number;
  /** What shows that it has an effect; null = nothing yet. Asked until the fault is healed. */
  proof(): Promise<string | null>;
  /** Undoes it; what it killed is started again. Does not wait until all is well. */
  heal(): Promise<void>;
}

/** Of a fault that needs nothing but the cluster. */
export const NOTHING_MISSING = () => null;
