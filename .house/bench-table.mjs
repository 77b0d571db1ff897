// Lines of a bench as text: name, figure, budget and raw limit, each column as wide as its widest entry.

/** @typedef {{ name: string, figure: string, budget?: string, raw?: string }} Row */

/** @param {readonly Row[]} rows */
export function renderRows(rows) {
  const table = rows.map(({ name, figure, budget, raw }) => [
    name,
    figure,
    budget === undefined ? '' : `budget: ${budget}`,
    raw === undefined ? '' : `raw: ${raw}`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...table.map((cells) => cells[column].length)));
  return table
    .map((cells) => `  ${cells.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`.trimEnd())
    .join('\n');
}
