// A node of the tests in a process of its own: tells its address, then lives until it is killed.
//
// Parameters: name, [identity of its engine], [port].

import { openPeers } from '../../../cluster/peers/open-peers.ts';
import { aPulse, endlessLog, noStarts, noTasks } from './peers-parts.ts';

const [name = '', identity = 'engine', port = '0'] = process.argv.slice(2);
const silent = { info: () => undefined, warn: () => undefined };
/** So that a reader is never far ahead of the one who kills the process. */
const LINE_PACE_MS = 2;

const opened = await openPeers({
  ...{ bind: `127.0.0.1:${port}`, advertise: '', tls: null, clusterId: 'cluster-1', self: { nodeId: name, name } },
  source: () => aPulse(name, { term: 7 }),
  serve: { identity, tasks: { ...noTasks(), logs: endlessLog(LINE_PACE_MS) } },
  ...{ startHere: noStarts, monotonicMs: () => performance.now(), log: silent },
});
process.stdout.write(`${opened.address}\n`);
