// The report of a chaos run in Markdown.

import type { Verdict } from '../checks/all-checks.ts';
import type { Evidence, Violation } from '../checks/evidence.ts';
import { timeSpan } from './report-facts.ts';
import type { CallFigures, Summary } from './report-facts.ts';

/** Of one check; the JSON has them all. */
const VIOLATIONS_SHOWN = 20;

export function reportMarkdown(summary: Summary, evidence: Evidence, verdicts: readonly Verdict[]): string {
  const { from } = timeSpan(evidence);
  const broken = verdicts.filter(({ violations }) => violations.length > 0);
  return [
    `# Chaos run: ${summary.passed ? 'every promise was kept' : `${broken.length} promises were broken`}`,
    '',
    `\`${summary.command}\``,
    '',
    `Seed ${summary.seed}, ${summary.nodes} nodes, engine ${summary.engine}, build ${summary.build}, ${summary.machine}.`,
    `${summary.seconds.toFixed(0)} s, ${summary.runs} runs, ${summary.bodies} bodies, ${summary.events} events, ${summary.terms} terms, ${evidence.faults.length} faults.`,
    '',
    '![timeline](timeline.svg)',
    '',
    '## Checks',
    '',
    table(
      ['check', 'promise', 'violations'],
      verdicts.map(({ id, promise, violations }) => [
        id,
        promise,
        violations.length === 0 ? '0' : `**${violations.length}**`,
      ]),
    ),
    '',
    ...broken.flatMap((verdict) => violationLines(verdict, from)),
    '## Faults',
    '',
    table(
      ['at', 'for', 'fault', 'target', 'seen to take effect'],
      evidence.faults.map((fault) => [
        seconds(fault.from - from),
        seconds(fault.to - fault.from),
        fault.name,
        fault.target,
        fault.proof ?? '**no**',
      ]),
    ),
    '',
    '## Terms',
    '',
    table(
      ['at', 'for', 'leader', 'term'],
      evidence.terms.map((term) => [
        seconds(Math.max(0, term.from - from)),
        term.to === null ? 'the rest' : seconds(term.to - Math.max(from, term.from)),
        term.name,
        String(term.term),
      ]),
    ),
    '',
    '## Calls',
    '',
    table(['call', 'made', 'refused', 'unknown', 'ms p50 / p99 / max'], summary.calls.map(callCells)),
    '',
  ].join('\n');
}

function violationLines({ id, promise, violations }: Verdict, from: number): readonly string[] {
  const shown = violations.slice(0, VIOLATIONS_SHOWN).map((violation) => `- ${violationText(violation, from)}`);
  const more = violations.length - shown.length;
  return [`### ${id}`, '', promise, '', ...shown, ...(more > 0 ? [`- and ${more} more`] : []), ''];
}

export function violationText({ subject, what, at }: Violation, from: number): string {
  return `${subject}: ${what}${at === null ? '' : ` (at ${seconds(at - from)})`}`;
}

function callCells({ op, count, refused, unknown, ms }: CallFigures): readonly string[] {
  const times = ms === null ? '' : [ms.p50, ms.p99, ms.max].map((time) => time.toFixed(0)).join(' / ');
  return [op, String(count), String(refused), String(unknown), times];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}
