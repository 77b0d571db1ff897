// One picture of a chaos run: faults, who led, calls and their latency, bodies, and where a promise was broken. Pure.

import type { Verdict } from '../checks/all-checks.ts';
import { outcomeOf } from '../checks/evidence.ts';
import type { Evidence, FaultSeen } from '../checks/evidence.ts';
import { areaChart, bar, barSpan, label, lineChart, marker } from './svg.ts';
import type { Box } from './svg.ts';
import { timeSpan } from './report-facts.ts';
import { quantiles } from './quantiles.ts';

const WIDTH = 1_400;
const LEFT = 120;
const RIGHT = 20;
const LANE = 18;
const CHART = 110;
const GAP = 34;
const TOP = 60;

/** Colours that people with any sight can tell apart (Okabe and Ito). */
const NODE_COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'];
const FAULT_COLOUR = '#8a8f98';
const GOOD = '#0072b2';
const BAD = '#d1242f';
const WARM = '#e69f00';

/** A point for each second, or fewer when the run was long. */
const POINTS_MAX = 600;

interface Scale {
  readonly from: number;
  readonly to: number;
  readonly x: (at: number) => number;
}

export function timelineSvg(title: string, evidence: Evidence, verdicts: readonly Verdict[]): string {
  const { from, to } = timeSpan(evidence);
  const length = Math.max(1, to - from);
  const x = (at: number) => LEFT + ((Math.min(Math.max(at, from), to) - from) / length) * (WIDTH - LEFT - RIGHT);
  const scale: Scale = { from, to, x };
  const parts: string[] = [];
  let y = TOP;
  const place = (height: number) => {
    const box: Box = { left: LEFT, top: y, width: WIDTH - LEFT - RIGHT, height };
    y += height + GAP;
    return box;
  };
  const lanes = lanesOf(evidence.faults, scale);
  parts.push(faultLanes(lanes, place(Math.max(1, lanes.length) * LANE), scale));
  parts.push(leaderLane(evidence, place(LANE + 4), scale));
  parts.push(callCharts(evidence, { rate: place(CHART), latency: place(CHART) }, scale));
  parts.push(bodyChart(evidence, place(CHART), scale));
  const bottom = y - GAP;
  parts.push(violationMarks(verdicts, { top: TOP - 8, bottom }, scale), timeAxis(bottom, scale));
  const height = bottom + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    label({ x: LEFT, y: 28, text: title, size: 16, weight: 'bold' }),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

interface Lane {
  readonly bars: FaultSeen[];
  /** Where the last bar or its name ends. */
  end: number;
}

/** Faults that overlap lie in lanes of their own, and so do those whose names would. */
function lanesOf(faults: readonly FaultSeen[], { x }: Scale): readonly Lane[] {
  const lanes: Lane[] = [];
  for (const fault of faults) {
    const width = faultWidth(fault, x);
    const { start, end } = barSpan({ left: x(fault.from), width, text: fault.name, besideUntil: WIDTH });
    const free = lanes.find((lane) => lane.end < start);
    if (free === undefined) lanes.push({ bars: [fault], end });
    else {
      free.bars.push(fault);
      free.end = end;
    }
  }
  return lanes;
}

function faultWidth({ from, to }: FaultSeen, x: Scale['x']): number {
  return Math.max(3, x(to) - x(from));
}

function faultLanes(lanes: readonly Lane[], box: Box, { x, from }: Scale): string {
  const bars = lanes.flatMap((lane, index) =>
    lane.bars.map((fault) => {
      const seconds = ((fault.from - from) / 1_000).toFixed(1);
      return bar({
        ...{ left: x(fault.from), top: box.top + index * LANE, width: faultWidth(fault, x), height: LANE - 4 },
        ...{ fill: fault.proof === null ? BAD : FAULT_COLOUR, text: fault.name, besideUntil: WIDTH },
        tip: `${fault.name}: ${fault.target}, at ${seconds} s, ${fault.proof ?? 'no effect was seen'}`,
      });
    }),
  );
  return [rowTitle('faults', box), ...bars].join('\n');
}

function leaderLane({ terms }: Evidence, box: Box, { x, to }: Scale): string {
  const names = [...new Set(terms.map(({ name }) => name))].sort();
  const bars = terms.map(({ name, term, from, to: end }) => {
    const left = x(from);
    const width = Math.max(1, x(end ?? to) - left);
    const fill = NODE_COLOURS[names.indexOf(name) % NODE_COLOURS.length] ?? GOOD;
    return bar({
      ...{ left, top: box.top, width, height: box.height, fill, text: name, besideUntil: null },
      tip: `${name}, term ${term}`,
    });
  });
  return [rowTitle('leader', box), ...bars].join('\n');
}

function callCharts(
  { operations }: Evidence,
  boxes: { readonly rate: Box; readonly latency: Box },
  scale: Scale,
): string {
  const slots = slotsOf(scale);
  const good = slots.empty<number[]>(() => []);
  const bad = slots.empty(() => 0);
  for (const operation of operations) {
    const slot = slots.at(operation.call);
    if (outcomeOf(operation) === 'unknown') bad[slot] = (bad[slot] ?? 0) + 1;
    else good[slot]?.push((operation.ret ?? 0) - operation.call);
  }
  const perSecond = (count: number) => count / slots.seconds;
  const times = good.map((each) => quantiles(each));
  return [
    rowTitle('calls/s', boxes.rate),
    areaChart(boxes.rate, [
      { name: 'answered', colour: GOOD, values: good.map((each) => perSecond(each.length)) },
      { name: 'without a certain answer', colour: BAD, values: bad.map(perSecond) },
    ]),
    rowTitle('latency, ms', boxes.latency),
    lineChart(boxes.latency, [
      { name: 'p50', colour: GOOD, values: times.map((time) => time?.p50 ?? null) },
      { name: 'max', colour: WARM, values: times.map((time) => time?.max ?? null) },
    ]),
  ].join('\n');
}

function bodyChart({ bodies }: Evidence, box: Box, scale: Scale): string {
  const slots = slotsOf(scale);
  const starts = slots.empty(() => 0);
  for (const { mark, at } of bodies) {
    const slot = slots.at(at);
    if (mark === 'start' && at >= scale.from && at <= scale.to) starts[slot] = (starts[slot] ?? 0) + 1;
  }
  const values = starts.map((count) => count / slots.seconds);
  return [rowTitle('bodies begun/s', box), areaChart(box, [{ name: 'begun', colour: '#009e73', values }])].join('\n');
}

function violationMarks(
  verdicts: readonly Verdict[],
  { top, bottom }: { readonly top: number; readonly bottom: number },
  { x, from }: Scale,
): string {
  const all = verdicts.flatMap(({ violations }) => violations);
  if (all.length === 0)
    return label({ x: WIDTH - RIGHT, y: 28, text: 'every promise was kept', colour: '#1a7f37', anchor: 'end' });
  const marks = all.flatMap(({ check, subject, what, at }) =>
    at === null
      ? []
      : [
          marker({
            x: x(at),
            top,
            bottom,
            colour: BAD,
            tip: `${check} ${subject}: ${what} (${((at - from) / 1_000).toFixed(1)} s)`,
          }),
        ],
  );
  return [
    ...marks,
    label({ x: WIDTH - RIGHT, y: 28, text: `${all.length} violations`, colour: BAD, anchor: 'end', weight: 'bold' }),
  ].join('\n');
}

/** Ten or so round steps. */
function timeAxis(y: number, { from, to, x }: Scale): string {
  const seconds = (to - from) / 1_000;
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];
  const step = steps.find((each) => seconds / each <= 14) ?? 7_200;
  const ticks: string[] = [];
  for (let at = 0; at <= seconds; at += step) {
    const left = x(from + at * 1_000);
    ticks.push(
      `<line x1="${left.toFixed(1)}" x2="${left.toFixed(1)}" y1="${TOP}" y2="${y}" stroke="#d0d7de" stroke-dasharray="2 4"/>`,
      label({
        x: left,
        y: y + 18,
        text: clockText(at),
        colour: '#57606a',
        anchor: 'middle',
      }),
    );
  }
  return ticks.join('\n');
}

function clockText(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function rowTitle(text: string, box: Box): string {
  return label({ x: LEFT - 10, y: box.top + 12, text, colour: '#24292f', anchor: 'end', weight: 'bold' });
}

function slotsOf({ from, to }: Scale) {
  const seconds = Math.max(1, Math.ceil((to - from) / 1_000 / POINTS_MAX));
  const count = Math.max(1, Math.ceil((to - from) / 1_000 / seconds));
  return {
    seconds,
    empty: <T>(make: () => T): T[] => Array.from({ length: count }, make),
    at: (time: number) => Math.min(count - 1, Math.max(0, Math.floor((time - from) / 1_000 / seconds))),
  };
}
