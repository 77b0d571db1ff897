// Tables in Markdown's form: readable on a terminal, and still a table when pasted into a document.

import { displayWidth, visible } from './display.ts';
import { paintStatus, type Paint } from './paint.ts';

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Header in blue, first column in green, status words in their colours. */
export function renderTable({ columns, rows }: Table, paint: Paint): string {
  const cells = rows.map((row) => columns.map((_, index) => cellText(row[index] ?? '')));
  const widths = columns.map((column, index) => {
    return cells.reduce((width, row) => Math.max(width, displayWidth(row[index] ?? '')), displayWidth(column));
  });
  const line = (row: readonly string[], painted: (text: string, column: number) => string) => {
    const padded = row.map(
      (text, index) => painted(text, index) + ' '.repeat((widths[index] ?? 0) - displayWidth(text)),
    );
    return `| ${padded.join(' | ')} |`;
  };
  return [
    line(columns, (text) => paint('blue', text)),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...cells.map((row) => line(row, (text, index) => (index === 0 ? paint('green', text) : paintStatus(paint, text)))),
  ].join('\n');
}

/** A bar inside a cell would begin another column. */
function cellText(text: string): string {
  return visible(text).replaceAll('|', '\\|');
}
