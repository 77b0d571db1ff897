// One fault from its beginning to its healing, written down with what showed that it took effect.

import { setTimeout as pause } from 'node:timers/promises';
import type { FaultSeen } from '../checks/evidence.ts';
import type { Session } from '../session/session.ts';
import type { Fault, OngoingFault } from './fault.ts';

export interface RunFaultOptions {
  /** Kept up at least so long, beside the fault's own least time. */
  readonly holdMs: number;
  /** Another fault is under way, which may have left nothing for this one to hit: then it need not prove itself. */
  readonly joins?: boolean;
  /** Runs while the fault lasts; it is healed when both this and the time are over. */
  readonly meanwhile?: (ongoing: OngoingFault) => Promise<void>;
}

/** A fault that has no effect by then has none. */
const PROOF_LIMIT_MS = 3_000;
const LOOK_MS = 25;
const JOINED = 'not seen, beside another fault';

/** Resolves once it is healed, which does not mean that all is well again. */
export async function runFault(session: Session, fault: Fault, options: RunFaultOptions): Promise<FaultSeen> {
  const ongoing = await fault.begin(session);
  const { name, holdsEngine = false, losesOutput = false } = fault;
  const { joins = false } = options;
  const facts = { name, target: ongoing.target, from: ongoing.at, holdsEngine, losesOutput, joins };
  const index = session.faults.push({ ...facts, to: Infinity, proof: null });
  let proof: string | null = null;
  try {
    const holdMs = Math.max(fault.holdMs, options.holdMs);
    const [proven] = await Promise.all([prove(ongoing, holdMs), pause(holdMs), options.meanwhile?.(ongoing)]);
    proof = proven ?? (joins ? JOINED : null);
  } finally {
    await ongoing.heal();
  }
  const seen: FaultSeen = { ...facts, to: performance.now(), proof };
  session.faults[index - 1] = seen;
  return seen;
}

async function prove(ongoing: OngoingFault, holdMs: number): Promise<string | null> {
  const end = performance.now() + Math.max(holdMs, PROOF_LIMIT_MS);
  for (;;) {
    const proof = await ongoing.proof().catch(() => null);
    if (proof !== null || performance.now() > end) return proof;
    await pause(LOOK_MS);
  }
}
