// The wall clock of the leader is set by minutes, in one step, forwards or backwards. Its monotonic clock stays true.

import { setClock } from '../session/clocks.ts';
import type { Fault } from './fault.ts';

/** Far beyond any lease, timeout and retry. */
const SHIFTS_S = [-3_600, -30, 30, 3_600] as const;
/** The nodes look at their clock file once a second. */
const HOLD_MS = 2_500;
const NOTICEABLE_MS = 10_000;
const ASK_LIMIT_MS = 1_000;

export const CLOCK_FAULT: Fault = {
  name: 'clock',
  what: "the leader's wall clock is set by half a minute or an hour, either way (libfaketime)",
  groups: ['clock'],
  reign: 'goes on',
  holdMs: HOLD_MS,
  missing: ({ options }) => (options.fakeClocks ? null : 'needs libfaketime: apt-get install libfaketime'),
  begin: async ({ cluster, options, chance }) => {
    const leader = await cluster.leader();
    const shift = chance.pick(SHIFTS_S);
    const at = performance.now();
    setClock(options.directory, leader.name, shift);
    return {
      target: leader.name,
      at,
      proof: async () => {
        const answer = await fetch(`${leader.url}/livez`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
        const offMs = Date.parse(answer.headers.get('date') ?? '') - Date.now();
        return Math.abs(offMs) > NOTICEABLE_MS ? `its clock is ${Math.round(offMs / 1_000)} s off` : null;
      },
      heal: async () => setClock(options.directory, leader.name, 0),
    };
  },
};
