// The few shapes that the timeline is made of, as SVG text.

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly size?: number;
  readonly colour?: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly weight?: 'bold';
}

export function label({ x, y, text, size = 12, colour = '#24292f', anchor = 'start', weight }: Label): string {
  const bold = weight === undefined ? '' : ` font-weight="${weight}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${colour}" text-anchor="${anchor}"${bold}>${escape(text)}</text>`;
}

export interface Bar extends Box {
  readonly fill: string;
  readonly text: string;
  readonly tip: string;
  /** A text that does not fit into the bar stands beside it: on the right, or left of it beyond this x. Null = it is left out. */
  readonly besideUntil: number | null;
}

const LETTER_WIDTH = 6.6;
const TEXT_INSET = 4;

export function bar({ left, top, width, height, fill, text, tip, besideUntil }: Bar): string {
  const isInside = fits({ width, text });
  const { isLeft } = barSpan({ left, width, text, besideUntil });
  const beside = isLeft ? left - TEXT_INSET : left + width + TEXT_INSET;
  const words = label({
    ...{ x: isInside ? left + TEXT_INSET : beside, y: top + height - 4, text, size: 11 },
    ...{ colour: isInside ? '#ffffff' : '#24292f', anchor: isLeft && !isInside ? 'end' : 'start' },
  });
  return [
    `<g><title>${escape(tip)}</title>`,
    `<rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" height="${height}" rx="2" fill="${fill}"/>`,
    isInside || besideUntil !== null ? words : '',
    '</g>',
  ].join('');
}

/** From where to where a bar reaches with the text that may stand beside it. */
export function barSpan({ left, width, text, besideUntil }: Pick<Bar, 'left' | 'width' | 'text' | 'besideUntil'>) {
  const beside = fits({ width, text }) || besideUntil === null ? 0 : widthOf(text);
  const isLeft = left + width + beside > (besideUntil ?? Infinity);
  return isLeft
    ? { isLeft, start: left - beside, end: left + width }
    : { isLeft, start: left, end: left + width + beside };
}

function fits({ width, text }: Pick<Bar, 'width' | 'text'>): boolean {
  return width >= widthOf(text);
}

function widthOf(text: string): number {
  return text.length * LETTER_WIDTH + 2 * TEXT_INSET;
}

export interface Marker {
  readonly x: number;
  readonly top: number;
  readonly bottom: number;
  readonly colour: string;
  readonly tip: string;
}

/** A line through the whole picture. */
export function marker({ x, top, bottom, colour, tip }: Marker): string {
  const at = x.toFixed(1);
  return `<g><title>${escape(tip)}</title><line x1="${at}" x2="${at}" y1="${top}" y2="${bottom}" stroke="${colour}" stroke-width="1.5"/><circle cx="${at}" cy="${top}" r="4" fill="${colour}"/></g>`;
}

export interface Series<T = number> {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly T[];
}

/** The first series as an area, the others as lines over it. From 0 to the largest value. */
export function areaChart(box: Box, series: readonly Series[]): string {
  const top = Math.max(1, ...series.flatMap(({ values }) => values));
  const drawn = series.map(({ values, colour }, index) => {
    const points = values.map((value, place) => point(box, { place, count: values.length, part: value / top }));
    if (index > 0) return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
    const base = box.top + box.height;
    const area = [`${box.left},${base}`, ...points, `${box.left + box.width},${base}`];
    return `<polygon points="${area.join(' ')}" fill="${colour}" fill-opacity="0.25"/><polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.2"/>`;
  });
  return [frame(box, top.toFixed(top < 10 ? 1 : 0), '0'), ...drawn, legend(box, series)].join('\n');
}

/** On a logarithmic scale from 1 to the next power of ten; null = nothing was measured there. */
export function lineChart(box: Box, series: readonly Series<number | null>[]): string {
  const largest = Math.max(10, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const decades = Math.ceil(Math.log10(largest));
  const drawn = series.flatMap(({ values, colour }) =>
    strokes(values, (value, place) =>
      point(box, { place, count: values.length, part: Math.log10(Math.max(1, value)) / decades }),
    ).map((points) => `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.4"/>`),
  );
  return [frame(box, String(10 ** decades), '1'), ...drawn, legend(box, series)].join('\n');
}

/** The line breaks where nothing was measured. */
function strokes(values: readonly (number | null)[], at: (value: number, place: number) => string): readonly string[] {
  const lines: string[][] = [[]];
  for (const [place, value] of values.entries()) {
    if (value === null) lines.push([]);
    else lines.at(-1)?.push(at(value, place));
  }
  return lines.filter((line) => line.length > 0).map((line) => line.join(' '));
}

function point(
  { left, top, width, height }: Box,
  { place, count, part }: { readonly place: number; readonly count: number; readonly part: number },
): string {
  const x = left + ((place + 0.5) / count) * width;
  return `${x.toFixed(1)},${(top + height * (1 - part)).toFixed(1)}`;
}

function frame({ left, top, width, height }: Box, high: string, low: string): string {
  return [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#d0d7de"/>`,
    label({ x: left - 10, y: top + 28, text: high, size: 11, colour: '#57606a', anchor: 'end' }),
    label({ x: left - 10, y: top + height, text: low, size: 11, colour: '#57606a', anchor: 'end' }),
  ].join('\n');
}

function legend({ left, top, width }: Box, series: readonly Series<number | null>[]): string {
  let x = left + width;
  return [...series]
    .reverse()
    .map(({ name, colour }) => {
      const text = label({ x, y: top - 6, text: name, size: 11, colour, anchor: 'end' });
      x -= name.length * LETTER_WIDTH + 2 * TEXT_INSET + 8;
      return text;
    })
    .join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
