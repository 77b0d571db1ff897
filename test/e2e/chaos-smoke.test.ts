// The chaos suite itself, for seconds: a real cluster, clients, one kill of the leader and one cut from etcd, and all checks.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { judge } from '../../chaos/checks/all-checks.ts';
import { parseOptions } from '../../chaos/options.ts';
import { readEvidence, writeReport } from '../../chaos/report/write-report.ts';
import { runChaos } from '../../chaos/session/run-chaos.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const FACTS = { command: 'npm run chaos', seed: 1, nodes: 3, engine: 'process', build: 'test', machine: 'test' };

test(
  'chaos: the leader is killed, then its successor cut off from etcd, and every promise is kept',
  { timeout: 240_000 },
  async () => {
    await using directory = await temporaryDirectory();
    const report = path.join(directory.path, 'report');
    const options = parseOptions(['--smoke', '--seed', '1', '--report', report], new Date());
    const said: string[] = [];
    const evidence = await runChaos(options, {
      say: (line) => said.push(line),
      onFault: () => undefined,
      signal: new AbortController().signal,
    });
    const verdicts = judge(evidence);
    expect(verdicts.flatMap(({ violations }) => violations)).toEqual([]);
    expect(evidence.faults.map(({ name }) => name)).toEqual(['kill-leader', 'cut-etcd']);
    // Somebody else led after each of the two.
    expect(evidence.terms.length).toBeGreaterThanOrEqual(3);
    expect(evidence.bodies.length).toBeGreaterThan(20);

    await writeReport(report, { facts: FACTS, evidence, verdicts });
    expect(await readFile(path.join(report, 'report.md'), 'utf8')).toContain('every promise was kept');
    expect(existsSync(path.join(report, 'timeline.svg'))).toBe(true);
    // What was written is enough to judge again, and to find what somebody broke in it.
    const read = await readEvidence(report);
    const twin = read.evidence.bodies.slice(0, 1);
    const spoiled = judge({ ...read.evidence, bodies: [...read.evidence.bodies, ...twin] });
    expect(spoiled.filter(({ violations }) => violations.length > 0).map(({ id }) => id)).toEqual(['BODY-ONCE']);
  },
);
