// Measures one fault many times in a row, with runs on their way each time: as soon as the cluster is well again, the next one comes.

import { setTimeout as pause } from 'node:timers/promises';
import type { FaultSeen } from '../checks/evidence.ts';
import { becomeWell } from '../session/health.ts';
import type { Session } from '../session/session.ts';
import { enoughTraffic } from './enough-traffic.ts';
import type { Fault } from './fault.ts';
import { runFault } from './run-fault.ts';

export interface Injection extends FaultSeen {
  /** When all was well again. */
  readonly well: number;
}

export interface FailoverOptions {
  readonly injections: number;
  readonly onInjection: (injection: Injection, number: number) => void;
  readonly signal: AbortSignal;
}

/** What was killed is started again so soon, as by the systemd units of cmd/deploy. */
const RESTART_MS = 1_000;
/** A fault that lasts is healed when somebody else leads and has started a body, or after this time. */
const MEASURE_LIMIT_MS = 12_000;
const LOOK_MS = 10;
/** The next one never comes at the same distance. */
const QUIET_MIN_MS = 200;
const QUIET_MAX_MS = 900;
/** A start needs its runs on their way again first. */
const FIRST_START_LIMIT_MS = 20_000;

/** Gives those that were made, fewer when it is interrupted. */
export async function runInjections(
  session: Session,
  fault: Fault,
  { injections, onInjection, signal }: FailoverOptions,
): Promise<readonly Injection[]> {
  const made: Injection[] = [];
  await session.nextStart(performance.now(), { limitMs: FIRST_START_LIMIT_MS, wanted: () => true });
  let well = 0;
  while (made.length < injections && !signal.aborted) {
    await pause(session.chance.between(QUIET_MIN_MS, QUIET_MAX_MS));
    await enoughTraffic(session, well);
    const seen = await runFault(session, firmly(fault), {
      holdMs: 0,
      meanwhile: (ongoing) => measured(session, fault, ongoing.at),
    });
    await session.links.heal();
    await becomeWell(session);
    well = performance.now();
    const injection = { ...seen, well };
    made.push(injection);
    onInjection(injection, made.length);
  }
  return made;
}

/** A fault that ends the reign lasts until that was measured, and no fixed time. */
function firmly(fault: Fault): Fault {
  return fault.reign === 'ends' ? { ...fault, holdMs: 0 } : fault;
}

async function measured(session: Session, fault: Fault, at: number): Promise<void> {
  if (fault.reign !== 'ends') return;
  const end = performance.now() + (fault.holdMs === 0 ? RESTART_MS : MEASURE_LIMIT_MS);
  const newTerm = () => session.terms.terms().findLast(({ from }) => from >= at);
  while (newTerm() === undefined && performance.now() < end) await pause(LOOK_MS);
  await session.nextStart(at, {
    limitMs: Math.max(0, end - performance.now()),
    wanted: ({ node, at: began }) => began >= (newTerm()?.from ?? Infinity) && node === newTerm()?.name,
  });
}
