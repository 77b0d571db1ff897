// What a chaos run tells of itself: report, timeline, failover table, options.

import { describe, expect, test } from 'vitest';
import { judge } from '../../../chaos/checks/all-checks.ts';
import { ALL_FAULTS, faultsNamed } from '../../../chaos/nemesis/all-faults.ts';
import { parseOptions } from '../../../chaos/options.ts';
import { failoverRow } from '../../../chaos/report/failover-figures.ts';
import { failoverTable } from '../../../chaos/report/failover-table.ts';
import { reportMarkdown } from '../../../chaos/report/markdown.ts';
import { quantiles } from '../../../chaos/report/quantiles.ts';
import { summarize } from '../../../chaos/report/report-facts.ts';
import { timelineSvg } from '../../../chaos/report/timeline.ts';
import { goodEvidence } from './good-evidence.ts';

const FACTS = { command: 'npm run chaos', seed: 1, nodes: 3, engine: 'process', build: '0.1.0', machine: 'a machine' };
const NOON = new Date('2026-01-01T12:00:00.123Z');

describe('report', () => {
  test('says that every promise was kept, and names faults and terms', () => {
    const evidence = goodEvidence();
    const verdicts = judge(evidence);
    const text = reportMarkdown(summarize(FACTS, evidence, verdicts), evidence, verdicts);
    expect(text).toContain('# Chaos run: every promise was kept');
    expect(text).toContain('| 2.0 s | 0.1 s | kill | node-1 | exit by SIGKILL |');
    expect(text).toContain('| 2.4 s | the rest | node-2 | 90 |');
  });

  test('names what was broken, by its id', () => {
    const good = goodEvidence();
    const evidence = { ...good, bodies: [...good.bodies, ...good.bodies.slice(0, 1)] };
    const verdicts = judge(evidence);
    const text = reportMarkdown(summarize(FACTS, evidence, verdicts), evidence, verdicts);
    expect(text).toContain('1 promises were broken');
    expect(text).toContain('### BODY-ONCE');
    expect(text).toContain('- default_flow_1_first_1: began 2 times');
  });

  test('timeline: well-formed, with the fault, the leaders and a mark for each violation', () => {
    const good = goodEvidence();
    const evidence = { ...good, bodies: [...good.bodies, ...good.bodies.slice(0, 1)] };
    const svg = timelineSvg('a <title>', evidence, judge(evidence));
    const opened = [...svg.matchAll(/<(svg|g|text|title)\b/g)].length;
    const closed = [...svg.matchAll(/<\/(svg|g|text|title)>/g)].length;
    expect(opened).toBe(closed);
    expect(svg).toContain('a &lt;title&gt;');
    expect(svg).toContain('kill: node-1, at 2.0 s, exit by SIGKILL');
    expect(svg).toContain('node-2, term 90');
    expect(svg).toContain('BODY-ONCE default_flow_1_first_1');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('timeline: a run without any call is drawn as well', () => {
    const empty = { ...goodEvidence(), operations: [], bodies: [], terms: [], faults: [], runs: [], events: [] };
    expect(timelineSvg('nothing', empty, [])).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('failover table', () => {
  test('a row counts what was on its way, and the times to the next leader and the next body', () => {
    const evidence = goodEvidence();
    const fault = { name: 'kill-leader', target: 'node-1', proof: 'gone' };
    const row = failoverRow({
      ...{ fault: 'kill-leader', what: 'kill -9', evidence, verdicts: judge(evidence) },
      injections: [
        { ...fault, from: 3_040, to: 3_041, well: 3_200 },
        { ...fault, from: 5_000, to: 5_100, well: 7_000 },
      ],
    });
    expect(row).toMatchObject({
      ...{ injections: 2, proven: 2, lost: 0, doubled: 0, otherViolations: 0, newLeaders: 1, runs: 2 },
      inFlight: { p50: 0, sum: 1 },
      toNewLeaderMs: { p50: 400, max: 400 },
      toNextStartMs: { count: 2, max: 1_100 },
      ...{ calls: 2, failedCalls: 0 },
    });
    expect(failoverTable([row])).toContain('| kill-leader | 2 | 0, 1 | 0 | 0 | 0.40 / 0.40 / 0.40 (1 times) |');
  });

  test('the next body is one of whoever led when it began, also when the reign went on beyond the next injection', () => {
    const good = goodEvidence();
    const term = (name: string, from: number) => ({ name, nodeId: name, term: from, from, to: null });
    const body = (node: string, at: number) => ({ mark: 'start' as const, attempt: 'default_flow_9_a_1', at, node });
    const evidence = {
      ...{ ...good, terms: [term('node-1', 0), term('node-2', 20_000), term('node-1', 90_000)] },
      bodies: [body('node-3', 12_000), body('node-2', 21_000), body('node-1', 91_000)],
    };
    const injection = { name: 'etcd', target: '', proof: 'gone', well: 0 };
    const { toNextStartMs } = failoverRow({
      ...{ fault: 'etcd', what: '', evidence, verdicts: [] },
      injections: [
        { ...injection, from: 10_000, to: 10_100 },
        { ...injection, from: 15_000, to: 15_100 },
      ],
    });
    expect(toNextStartMs).toMatchObject({ count: 2, p50: 6_000, max: 11_000 });
  });

  test.each([
    { values: [], wanted: null },
    { values: [5], wanted: { count: 1, p50: 5, p99: 5, max: 5 } },
    { values: [3, 1, 2], wanted: { count: 3, p50: 2, p99: 3, max: 3 } },
    {
      values: Array.from({ length: 200 }, (_, index) => index + 1),
      wanted: { count: 200, p50: 100, p99: 198, max: 200 },
    },
  ])('quantiles of $values.length values', ({ values, wanted }) => {
    expect(quantiles(values)).toEqual(wanted);
  });
});

describe('options', () => {
  test('the command of the documentation', () => {
    const args = '--seed 7 --faults kill,pause --minutes 3 --nodes 3 --engine docker --report out'.split(' ');
    expect(parseOptions(args, NOON)).toMatchObject({
      ...{ mode: 'mix', seed: 7, faults: ['kill', 'pause'], minutes: 3, nodes: 3, engine: 'docker', injections: 50 },
    });
  });

  test('without any: all faults, five minutes, a seed of its own, a folder by the time', () => {
    const options = parseOptions([], NOON);
    expect(options).toMatchObject({ mode: 'mix', faults: ['all'], minutes: 5, nodes: 3, engine: 'process' });
    expect(options.report).toMatch(/chaos-report.2026-01-01T12-00-00$/);
    expect(parseOptions([], new Date(NOON.getTime() + 1)).seed).not.toBe(options.seed);
  });

  test.each([
    ['--minutes', 'soon', '--minutes: expected a number from 0 to 10000, not "soon".'],
    ['--nodes', '0', '--nodes: expected a number from 1 to 9, not "0".'],
    ['--engine', 'nomad', '--engine: expected process or docker, not nomad.'],
  ])('%s %s is refused with what is expected', (name, value, message) => {
    expect(() => parseOptions([name, value], NOON)).toThrow(message);
  });

  test('faults are chosen by name and by group, in one fixed order', () => {
    expect(faultsNamed(['cut-etcd', 'kill']).map(({ name }) => name)).toEqual([
      'kill-leader',
      'kill-follower',
      'kill-all',
      'cut-etcd',
    ]);
    expect(faultsNamed(['all'])).toEqual(ALL_FAULTS);
    expect(() => faultsNamed(['earthquake'])).toThrow('No such fault: earthquake. There are: all, kill, pause');
  });

  test('no two faults have one name, and no fault has the name of a group', () => {
    const names = ALL_FAULTS.map(({ name }) => name);
    const groups = new Set(ALL_FAULTS.flatMap((fault) => fault.groups));
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => groups.has(name) && name !== 'clock')).toEqual([]);
  });
});
