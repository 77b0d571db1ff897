// The simulation as a program: one seed told as a story, some seeds, or seeds without end. Bundled and started by simulate.mjs.

import { parseArgs } from 'node:util';
import { installClocks } from './clocks.ts';
import { makePlan } from './plan.ts';
import { runWorld } from './world.ts';

// Thousands of expected errors are made each second, and nobody reads where.
Error.stackTraceLimit = 0;
process.removeAllListeners('warning');
const clocks = installClocks();
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
  },
});
const write = (text: string) => process.stdout.write(`${text}\n`);
if (values.seed !== undefined) {
  const onNote = values.trace
    ? (atMs: number, line: string) => write(`${atMs.toFixed(1).padStart(9)}  ${line}`)
    : undefined;
  const outcome = await runWorld({ plan: makePlan(Number(values.seed)), clocks, ...(onNote ? { onNote } : {}) });
  write(JSON.stringify(outcome));
} else {
  const t0 = process.hrtime.bigint();
  let events = 0;
  const kinds = new Map<string, number[]>();
  const from = Number(values.from);
  const count = Number(values.seeds ?? '100');
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await runWorld({ plan: makePlan(seed), clocks });
    events += outcome.events;
    if (values.twice) {
      const again = await runWorld({ plan: makePlan(seed), clocks });
      if (again.traceHash !== outcome.traceHash) write(`seed ${seed} is not deterministic`);
    }
    if (outcome.violation !== null) {
      const list = kinds.get(outcome.violation.id) ?? [];
      kinds.set(outcome.violation.id, [...list, seed]);
      write(`seed ${seed}: ${outcome.violation.id} ${outcome.violation.what}`);
    }
  }
  const s = Number(process.hrtime.bigint() - t0) / 1e9;
  write(`${count} seeds in ${s.toFixed(1)} s: ${(count / s).toFixed(1)}/s, ${Math.round(events / count)} events each`);
  for (const [id, list] of kinds) write(`${id}: ${list.length}: ${list.slice(0, 10).join(' ')}`);
}
