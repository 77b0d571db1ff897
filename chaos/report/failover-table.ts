// The failover table in Markdown.

import type { FailoverRow } from './failover-figures.ts';
import type { Quantiles } from './quantiles.ts';

export interface FailoverFacts {
  readonly command: string;
  readonly seed: number;
  readonly engine: string;
  readonly nodes: number;
  readonly machine: string;
}

const COLUMNS = [
  'fault',
  'injections',
  'runs in flight (p50, sum)',
  'lost',
  'doubled',
  'new leader p50 / p99 / max',
  'next engine start p50 / p99 / max',
  'failed calls',
] as const;

export function failoverMarkdown(rows: readonly FailoverRow[], facts: FailoverFacts): string {
  const { command, seed, engine, nodes, machine } = facts;
  return [
    '# Failover table',
    '',
    `\`${command}\``,
    '',
    `Seed ${seed}, ${nodes} nodes, three etcd members and HAProxy on one machine (${machine}), engine ${engine}. Each fault hits a new`,
    'cluster again and again, as soon as it is well again, while clients start runs through the load balancer. Times are in seconds from',
    'the fault; _next engine start_ is the first instruction of the first body that was started under whoever led after the fault. A failed',
    "call is one that had no certain answer after the SDK's own retries. p99 of fewer than 100 injections is the largest value.",
    '',
    failoverTable(rows),
    '',
    ...rows.map(({ fault, what }) => `- **${fault}**: ${what}.`),
    '',
  ].join('\n');
}

export function failoverTable(rows: readonly FailoverRow[]): string {
  return [COLUMNS, COLUMNS.map(() => '---'), ...rows.map(cells)].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cells(row: FailoverRow): readonly string[] {
  const { injections, proven, inFlight, newLeaders } = row;
  return [
    row.fault,
    `${injections}${proven < injections ? ` (${injections - proven} without effect)` : ''}`,
    `${inFlight.p50}, ${inFlight.sum}`,
    String(row.lost),
    String(row.doubled),
    newLeaders === 0
      ? 'the same leader'
      : `${seconds(row.toNewLeaderMs)}${newLeaders < injections ? ` (${newLeaders} times)` : ''}`,
    seconds(row.toNextStartMs),
    `${row.failedCalls} of ${row.calls}${row.otherViolations > 0 ? `; **${row.otherViolations} other violations**` : ''}`,
  ];
}

function seconds(times: Quantiles | null): string {
  if (times === null) return 'never';
  return [times.p50, times.p99, times.max].map((ms) => (ms / 1_000).toFixed(2)).join(' / ');
}
