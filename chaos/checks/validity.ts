// TRAFFIC and FAULT: a quiet run proves nothing, and neither does a fault that did not happen. These fail the test, not the product.

import { outcomeOf } from './evidence.ts';
import type { Check, Evidence, FaultSeen, Violation } from './evidence.ts';

/** Before a fault. */
export const WINDOW_MS = 2_000;

export const TRAFFIC: Check = {
  id: 'TRAFFIC',
  promise: `Test: clients were at work in the ${WINDOW_MS / 1_000} s before each fault.`,
  judge: ({ operations, faults, bounds }) => {
    const returns = operations.flatMap((call) => (outcomeOf(call) === 'ok' ? [call.ret ?? 0] : []));
    return alone(faults).flatMap((fault) => {
      const count = returns.filter((ret) => ret >= fault.from - WINDOW_MS && ret <= fault.from).length;
      return count >= bounds.callsMin ? [] : [complaint('TRAFFIC', fault, `hit when ${count} calls had been answered`)];
    });
  },
};

export const FAULT: Check = {
  id: 'FAULT',
  promise: 'Test: each fault was seen to take effect.',
  judge: ({ faults }) =>
    faults.flatMap((fault) =>
      fault.proof === null ? [complaint('FAULT', fault, 'had no effect that could be seen')] : [],
    ),
};

/** Those that came while all else was well: what another fault left of the traffic is no measure. */
function alone(faults: Evidence['faults']): readonly FaultSeen[] {
  const isAlone = (fault: FaultSeen) =>
    faults.every((other) => other === fault || other.from > fault.from || other.to + WINDOW_MS < fault.from);
  return faults.filter((fault) => fault.joins !== true && isAlone(fault));
}

function complaint(check: string, { name, target, from }: FaultSeen, what: string): Violation {
  return { check, subject: `${name} ${target}`.trim(), what, at: from };
}
