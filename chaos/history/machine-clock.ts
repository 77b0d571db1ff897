// The one clock that bodies, nodes and this process have in common. A body reads /proc/uptime, which costs it no process of its own and
// which no faked clock changes; here it is made comparable with performance.now().

import { readFileSync } from 'node:fs';

/** performance.now() minus uptime, both in ms: constant while the machine does not sleep. Good to the 10 ms of an uptime tick. */
export function uptimeOffset(): number {
  const uptime = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
  return performance.now() - uptime * 1_000;
}
