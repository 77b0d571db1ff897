// The files of a report: Markdown for people, JSON for programs, one picture, and the evidence, from which all of it can be made again.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Verdict } from '../checks/all-checks.ts';
import type { Evidence } from '../checks/evidence.ts';
import { reportMarkdown } from './markdown.ts';
import { parseEvidence } from './parse-evidence.ts';
import { summarize } from './report-facts.ts';
import type { RunFacts, Summary } from './report-facts.ts';
import { timelineSvg } from './timeline.ts';

const EVIDENCE = 'evidence.json';

export async function writeReport(
  directory: string,
  {
    facts,
    evidence,
    verdicts,
  }: { readonly facts: RunFacts; readonly evidence: Evidence; readonly verdicts: readonly Verdict[] },
): Promise<Summary> {
  await mkdir(directory, { recursive: true });
  const summary = summarize(facts, evidence, verdicts);
  const title = `Chaos, seed ${facts.seed}: ${summary.runs} runs, ${evidence.faults.length} faults, ${summary.terms} terms`;
  const files: readonly (readonly [string, string])[] = [
    ['report.md', reportMarkdown(summary, evidence, verdicts)],
    ['report.json', JSON.stringify({ ...summary, verdicts, faults: evidence.faults, terms: evidence.terms }, null, 2)],
    ['timeline.svg', timelineSvg(title, evidence, verdicts)],
    [EVIDENCE, JSON.stringify({ facts, evidence })],
  ];
  await Promise.all(files.map(([name, text]) => writeFile(path.join(directory, name), text)));
  return summary;
}

/** What `writeReport` wrote there before. */
export async function readEvidence(
  directory: string,
): Promise<{ readonly facts: RunFacts; readonly evidence: Evidence }> {
  return parseEvidence(await readFile(path.join(directory, EVIDENCE), 'utf8'));
}
