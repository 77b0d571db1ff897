// A random mix of faults under a mixed workload, by seed: which fault, when, how long, and now and then two at once.

import { setTimeout as pause } from 'node:timers/promises';
import type { FaultSeen } from '../checks/evidence.ts';
import { becomeWell } from '../session/health.ts';
import type { Session } from '../session/session.ts';
import type { Fault } from './fault.ts';
import { enoughTraffic } from './enough-traffic.ts';
import { runFault } from './run-fault.ts';

export interface MixOptions {
  readonly faults: readonly Fault[];
  readonly minutes: number;
  readonly onFault: (fault: FaultSeen) => void;
  readonly signal: AbortSignal;
}

/** Between a cluster that is well again and the next fault. */
const QUIET_MIN_MS = 500;
const QUIET_MAX_MS = 3_000;
const EXTRA_HOLD_MAX_MS = 3_000;
/** Of each fault, that another one joins it. */
const PAIR_CHANCE = 0.25;
/** The second comes within this time of the first. */
const PAIR_GAP_MS = 1_500;

/** Ends with all faults healed. */
export async function runMix(session: Session, { faults, minutes, onFault, signal }: MixOptions): Promise<void> {
  const { chance } = session;
  const end = performance.now() + minutes * 60_000;
  let bag: Fault[] = [];
  const next = (): Fault | undefined => {
    if (bag.length === 0) bag = shuffled(faults, () => chance.next());
    return bag.pop();
  };
  while (performance.now() < end && !signal.aborted) {
    await becomeWell(session);
    const wellAt = performance.now();
    await pause(chance.between(QUIET_MIN_MS, QUIET_MAX_MS), undefined, { signal }).catch(() => undefined);
    await enoughTraffic(session, wellAt);
    const fault = next();
    if (fault === undefined || signal.aborted) return;
    const holdMs = fault.holdMs + chance.between(0, EXTRA_HOLD_MAX_MS);
    const second = chance.happens(PAIR_CHANCE) ? partner(fault, next()) : undefined;
    await Promise.all([
      runFault(session, fault, { holdMs }).then(onFault),
      second === undefined ? undefined : joinIn(session, second, onFault),
    ]);
  }
}

/** Each of them once, in their order. */
export async function runFixed(
  session: Session,
  { faults, onFault, signal }: Omit<MixOptions, 'minutes'>,
): Promise<void> {
  for (const fault of faults) {
    if (signal.aborted) return;
    await enoughTraffic(session, performance.now());
    onFault(await runFault(session, fault, { holdMs: fault.holdMs }));
    await becomeWell(session);
  }
}

/** Two faults of one process at once are one fault, and one that needs a leader cannot join one that leaves none. */
function partner(fault: Fault, other: Fault | undefined): Fault | undefined {
  if (other === undefined || other.name === fault.name) return undefined;
  const nodeFaults = ['kill', 'pause', 'stop', 'rolling', 'two', 'engine', 'clock'];
  const touchesNodes = ({ groups }: Fault) => groups.some((group) => nodeFaults.includes(group));
  const touchesEtcd = ({ groups }: Fault) => groups.includes('etcd') || groups.includes('two');
  if (touchesNodes(fault) && touchesNodes(other)) return undefined;
  return touchesEtcd(fault) && touchesEtcd(other) ? undefined : other;
}

async function joinIn(session: Session, fault: Fault, onFault: MixOptions['onFault']): Promise<void> {
  await pause(session.chance.between(0, PAIR_GAP_MS));
  // Nobody may lead just now, or etcd may not answer: then there is nothing to hit, and one fault is enough.
  const seen = await runFault(session, fault, { holdMs: fault.holdMs, joins: true }).catch(() => null);
  if (seen !== null) onFault(seen);
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const result: T[] = [];
  while (left.length > 0) result.push(...left.splice(Math.floor(random() * left.length), 1));
  return result;
}
