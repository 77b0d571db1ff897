// A block about one thing: a title, its facts in two columns, and sections below.

import { displayWidth, visible, visibleLines } from './display.ts';
import { paintStatus, type Paint } from './paint.ts';

export interface Section {
  readonly title: string;
  /** Lines that are ready to print. */
  readonly lines: readonly string[];
}

export interface Details {
  readonly title: string;
  /** Facts without a value are left out. */
  readonly facts: readonly (readonly [name: string, value: string | number | null | undefined])[];
  readonly sections?: readonly Section[];
}

/** Sections without lines are left out. */
export function renderDetails({ title, facts, sections = [] }: Details, paint: Paint): string {
  const said = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...said.map(([name]) => displayWidth(name))) + 1;
  const lines = [paint('bold', visible(title)), ''];
  for (const [name, value] of said) {
    const text = indentRest(visibleLines(String(value)), width + 3);
    lines.push(`  ${paint('blue', `${name}:`.padEnd(width))} ${paintStatus(paint, text)}`);
  }
  for (const section of sections.filter((candidate) => candidate.lines.length > 0)) {
    lines.push('', `  ${paint('blue', section.title)}`, ...section.lines.map((line) => `    ${line}`));
  }
  return lines.join('\n');
}

function indentRest(text: string, columns: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(columns)}`);
}
