// Child of process-nodes.test.ts: one node's process engine on an attempts directory that others use at the same time. Submits every
// id that it is given, in an order of its own, and tells what each submission answered. Ends by being killed, or when all are told.

import { openProcessEngine } from '../../scheduler/engines/process/process-engine.ts';
import type { AttemptId } from '../../store/model/ids.ts';

const [dataDir = '', text = '', offset = '0', ...ids] = process.argv.slice(2);
const quiet = () => undefined;
const engine = await openProcessEngine({
  ...{ dataDir, now: Date.now, hostEnv: process.env },
  log: { info: quiet, warn: quiet },
});
const start = Number(offset) % ids.length;
const order = [...ids.slice(start), ...ids.slice(0, start)];
process.stdout.write('ready\n');
await Promise.all(
  order.map(async (id) => {
    const report = await engine.submit(
      {
        ...{ id: id as AttemptId, image: '', entrypoint: ['/bin/sh', '-c'], command: [text] },
        ...{ env: { SUITE_ATTEMPT: id }, registryAuth: null, pull: 'missing' },
        resources: { cpuMillis: 0, memoryMib: 0 },
      },
      { signal: new AbortController().signal },
    );
    process.stdout.write(`${report.state} ${id}\n`);
  }),
);
process.stdout.write('done\n');
// Until it is killed: a node that has nothing to do is still there.
setInterval(quiet, 60_000);
