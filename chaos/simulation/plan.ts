// The plan of a simulated history: what clients ask for and what goes wrong, each with its time. Made from the seed, and a list, so
// that a failing one can be made shorter.

import { createChance } from './random.ts';
import type { Chance } from './random.ts';
import type { Recall } from './docker-daemon.ts';
import type { Place, TrapPhase } from './wire.ts';

/** A node by name, or 'leader': whichever leads at that moment. */
export type Target = string;

export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'crash'; readonly node: Target; readonly forMs: number }
  | { readonly kind: 'crash_all'; readonly forMs: number }
  | { readonly kind: 'pause'; readonly node: Target; readonly forMs: number; readonly timersFirst: boolean }
  | { readonly kind: 'trap'; readonly node: Target; readonly trap: TrapFault; readonly forMs: number }
  | { readonly kind: 'cut'; readonly node: Target; readonly place: Place; readonly way: Way; readonly forMs: number }
  | { readonly kind: 'split'; readonly node: Target; readonly other: string; readonly forMs: number }
  | {
      readonly kind: 'loss';
      readonly node: Target;
      readonly place: Place;
      readonly share: number;
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow';
      readonly node: Target;
      readonly place: Place;
      readonly byMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'down'; readonly place: 'store' | 'engine' | 'objects'; readonly forMs: number }
  /** The Docker daemon is killed in the middle of its next start, and another one comes up. */
  | { readonly kind: 'daemon'; readonly recall: Recall; readonly forMs: number }
  | { readonly kind: 'clock'; readonly node: Target; readonly byMs: number }
  | { readonly kind: 'lease'; readonly node: Target; readonly whose: 'leader' | 'member' }
  /** Reads of leader work are answered from the past, until a write of the node was acknowledged: a sleepy member of the store. */
  | { readonly kind: 'stale'; readonly node: Target; readonly forMs: number }
  | { readonly kind: 'compact' }
  | { readonly kind: 'transfer'; readonly to: string | null }
  | { readonly kind: 'drain'; readonly node: string; readonly forMs: number }
);

export type Way = 'both' | 'requests' | 'answers';

export interface TrapFault {
  readonly place: 'store' | 'engine' | 'objects';
  readonly call: string;
  readonly phase: TrapPhase;
  readonly then: 'crash' | 'pause' | 'lose_answer' | 'delay';
}

export type Demand = { readonly atMs: number } & (
  | { readonly kind: 'start'; readonly pipeline: string; readonly keyed: boolean; readonly twin: boolean }
  /** `nth`: of the runs that are known to have been started by then, counted around. */
  | { readonly kind: 'cancel'; readonly nth: number; readonly force: boolean }
  | { readonly kind: 'retry'; readonly nth: number; readonly keyed: boolean }
  | { readonly kind: 'read'; readonly nth: number }
);

export interface Plan {
  readonly seed: number;
  readonly nodes: readonly { readonly name: string; readonly rate: number; readonly wallOffsetMs: number }[];
  readonly engine: 'claims' | 'docker';
  readonly faults: readonly Fault[];
  readonly demands: readonly Demand[];
  /** All faults end here; from now on everything has to come to its end. */
  readonly healMs: number;
}

const NAMES = ['ann', 'bob', 'cid'] as const;
const FIRST_FAULT_MS = 600;
/** Nothing that waits in a history waits so long. */
const HOUR_MS = 3_600_000;
const PLACES = ['store', 'engine', 'objects'] as const;

export function makePlan(seed: number): Plan {
  const chance = createChance(seed, 'plan');
  const nodes = NAMES.map((name) => ({
    name,
    rate: chance.happens(0.5) ? chance.between(0.95, 1.05) : 1,
    wallOffsetMs: chance.happens(0.3) ? chance.whole(-3_000, 3_000) : 0,
  }));
  const engine = chance.happens(0.4) ? 'docker' : 'claims';
  const healMs = chance.whole(3_000, 6_000);
  const frame: Frame = { chance, engine, healMs };
  const scheme = chance.happens(0.6) ? makeScheme(frame) : { faults: [], demands: [] };
  const faults = [...makeFaults(frame), ...scheme.faults, ...makeDaemonDeaths(frame, seed)];
  const demands = [...makeDemands(chance, healMs), ...scheme.demands];
  faults.sort((left, right) => left.atMs - right.atMs);
  demands.sort((left, right) => left.atMs - right.atMs);
  return { seed, nodes, engine, faults, demands, healMs };
}

interface Frame {
  readonly chance: Chance;
  readonly engine: Plan['engine'];
  readonly healMs: number;
}

function makeDemands(chance: Chance, healMs: number): Demand[] {
  const at = () => chance.whole(300, healMs - 200);
  const starts = Array.from({ length: chance.whole(4, 8) }, () => aStart(chance, at()));
  const cancels = Array.from({ length: chance.whole(0, 3) }, (): Demand => ({
    atMs: at(),
    kind: 'cancel',
    nth: chance.whole(0, 9),
    force: chance.happens(0.5),
  }));
  const retries = Array.from({ length: chance.whole(0, 2) }, (): Demand => ({
    atMs: at(),
    kind: 'retry',
    nth: chance.whole(0, 9),
    keyed: chance.happens(0.7),
  }));
  const reads = Array.from({ length: chance.whole(2, 6) }, (): Demand => ({
    atMs: at(),
    kind: 'read',
    nth: chance.whole(0, 9),
  }));
  return [...starts, ...cancels, ...retries, ...reads];
}

function aStart(chance: Chance, atMs: number): Demand {
  const pipeline = chance.pick(['single', 'graph', 'graph', 'slow'] as const);
  return { atMs, kind: 'start', pipeline, keyed: chance.happens(0.7), twin: chance.happens(0.25) };
}

type Kind = Exclude<Fault['kind'], 'daemon'>;
const KINDS: readonly [Kind, ...Kind[]] = [
  ...(['crash', 'crash', 'pause', 'pause', 'trap', 'trap', 'trap', 'trap', 'cut', 'cut'] as const),
  ...(['split', 'loss', 'loss', 'slow', 'slow', 'down', 'stale', 'clock', 'lease', 'lease'] as const),
  ...(['compact', 'transfer', 'drain', 'crash_all'] as const),
];

/** A few kinds only in each history: what all of them together never let happen, some of them alone do. */
function makeFaults(frame: Frame): Fault[] {
  const { chance } = frame;
  const kinds = [chance.pick(KINDS), chance.pick(KINDS), chance.pick(KINDS)] as const;
  return Array.from({ length: chance.whole(1, 6) }, () => makeFault(frame, chance.pick(kinds)));
}

/** Chances of their own: the rest of a plan is the same with and without them. */
function makeDaemonDeaths({ engine, healMs }: Frame, seed: number): Fault[] {
  const chance = createChance(seed, 'daemon');
  if (engine !== 'docker' || !chance.happens(0.3)) return [];
  return Array.from({ length: chance.whole(1, 3) }, () => ({
    ...{ atMs: chance.whole(FIRST_FAULT_MS, healMs - 300), kind: 'daemon' as const },
    ...{ recall: chance.pick(['nothing', 'nothing', 'end'] as const), forMs: chance.whole(50, 1_200) },
  }));
}

function makeFault(frame: Frame, kind: Kind): Fault {
  const { chance, healMs } = frame;
  const atMs = chance.whole(FIRST_FAULT_MS, healMs - 300);
  const node: Target = chance.happens(0.6) ? 'leader' : chance.pick(NAMES);
  const forMs = chance.happens(0.5) ? chance.whole(50, 900) : chance.whole(900, 4_000);
  const place = chance.pick(PLACES);
  switch (kind) {
    case 'crash':
      return { atMs, kind, node, forMs };
    case 'drain':
      return { atMs, kind, node: chance.pick(NAMES), forMs };
    case 'crash_all':
      return { atMs, kind, forMs: Math.min(forMs, 1_500) };
    case 'pause':
      return { atMs, kind, node, forMs, timersFirst: chance.happens(0.5) };
    case 'trap':
      return { atMs, kind, node: chance.happens(0.8) ? 'leader' : node, ...makeTrap(frame) };
    case 'cut':
      return { atMs, kind, node, forMs, place, way: chance.pick(['both', 'requests', 'answers']) };
    case 'split':
      return { atMs, kind, node, forMs, other: chance.pick(NAMES) };
    case 'loss':
      return { atMs, kind, node, forMs, place, share: chance.between(0.05, 0.4) };
    case 'slow':
      return { atMs, kind, node, forMs, place, byMs: chance.whole(50, 1_500) };
    case 'down':
      return { atMs, kind, forMs, place };
    case 'clock':
      return {
        atMs,
        kind,
        node,
        byMs: chance.happens(0.5) ? chance.whole(-4_000, 4_000) : chance.pick([-HOUR_MS, HOUR_MS]),
      };
    case 'lease':
      return { atMs, kind, node, whose: chance.pick(['leader', 'leader', 'member']) };
    case 'stale':
      return { atMs, kind, node, forMs };
    case 'compact':
      return { atMs, kind };
    case 'transfer':
      return { atMs, kind, to: chance.happens(0.5) ? chance.pick(NAMES) : null };
  }
}

function makeTrap({ chance, engine }: Frame): { readonly trap: TrapFault; readonly forMs: number } {
  const isDocker = engine === 'docker';
  const [place, call] = chance.pick<readonly [TrapFault['place'], string]>([
    ['store', 'duty commit'],
    ['store', 'duty commit'],
    ['store', 'cluster commit cluster/leader'],
    ['store', 'api commit'],
    ['store', 'member commit'],
    ['engine', isDocker ? 'create' : 'submit'],
    ['engine', isDocker ? 'start' : 'submit'],
    ['engine', 'stop'],
    ['engine', isDocker ? 'json' : 'lookup'],
    ['engine', isDocker ? 'delete' : 'forget'],
    ['objects', 'put'],
  ]);
  const then = chance.pick(['crash', 'pause', 'pause', 'lose_answer', 'delay', 'delay'] as const);
  return { trap: { place, call, then, phase: phaseOf(chance, then) }, forMs: longEnough(chance) };
}

function phaseOf(chance: Chance, then: TrapFault['then']): TrapPhase {
  if (then === 'delay') return 'under way';
  return then === 'lose_answer' ? 'answered' : chance.pick(['before', 'after', 'answered']);
}

/** For somebody else to have taken over by then, more often than not. */
function longEnough(chance: Chance): number {
  return chance.happens(0.75) ? chance.whole(700, 3_200) : chance.whole(50, 700);
}

/** What a guard is for happens seldom by accident. */
interface Scheme {
  readonly faults: readonly Fault[];
  readonly demands: readonly Demand[];
}

function makeScheme(frame: Frame): Scheme {
  const { chance } = frame;
  if (chance.happens(0.15)) return { faults: makeUnclearClaim(frame), demands: [] };
  if (chance.happens(0.1)) return makeFrozenAct(frame);
  if (chance.happens(0.1)) return makeLateStart(frame);
  if (chance.happens(0.1)) return makeWrongClock(frame);
  return { faults: makeSoreSpot(frame), demands: [] };
}

/** The same spot is hit again and again, at the leader, and now and then the leader is deposed while that is under way. */
function makeSoreSpot(frame: Frame): Fault[] {
  const { chance, healMs } = frame;
  const trap = makeTrap(frame);
  const faults: Fault[] = [];
  const count = chance.whole(2, 5);
  for (let number = 0; number < count; number += 1) {
    const atMs = chance.whole(FIRST_FAULT_MS, healMs - 500);
    faults.push({ atMs, kind: 'trap', node: 'leader', ...trap });
    if (chance.happens(0.3)) {
      faults.push({ atMs: atMs + chance.whole(100, 700), kind: 'lease', node: 'leader', whose: 'leader' });
    }
  }
  return faults;
}

/** The leader is frozen when its intent has just been written, until long after its term. */
function makeFrozenAct({ chance, healMs }: Frame): Scheme {
  const atMs = chance.whole(FIRST_FAULT_MS, healMs - 2_300);
  const trap: TrapFault = { place: 'store', call: 'duty commit', phase: 'answered', then: 'pause' };
  return {
    faults: [{ atMs, kind: 'trap', node: 'leader', trap, forMs: chance.whole(2_200, 3_400) }],
    demands: [aStart(chance, atMs + chance.whole(10, 300))],
  };
}

/** A start is long under way to the engine; another leader takes over meanwhile, and the run is cancelled. */
function makeLateStart({ chance, engine, healMs }: Frame): Scheme {
  const atMs = chance.whole(FIRST_FAULT_MS, healMs - 2_300);
  const call = engine === 'docker' ? chance.pick(['create', 'start'] as const) : 'submit';
  const trap: TrapFault = { place: 'engine', call, phase: 'under way', then: 'delay' };
  const deposedMs = atMs + chance.whole(50, 500);
  return {
    faults: [
      { atMs, kind: 'trap', node: 'leader', trap, forMs: chance.whole(1_000, 2_500) },
      { atMs: deposedMs, kind: 'lease', node: 'leader', whose: 'leader' },
    ],
    demands: [
      aStart(chance, atMs + chance.whole(5, 40)),
      ...[0, 1, 2, 3].map((nth): Demand => {
        return { atMs: deposedMs + chance.whole(0, 400), kind: 'cancel', nth, force: chance.happens(0.5) };
      }),
    ],
  };
}

/** What a leader with a wrong clock has put off is left to one whose clock is right. */
function makeWrongClock({ chance, healMs }: Frame): Scheme {
  const atMs = chance.whole(FIRST_FAULT_MS, healMs - 2_000);
  const starts = [0, 1, 2].map(() => aStart(chance, atMs + chance.whole(10, 600)));
  return {
    faults: [
      { atMs, kind: 'clock', node: 'leader', byMs: chance.pick([-HOUR_MS, HOUR_MS, HOUR_MS]) },
      { atMs: atMs + chance.whole(400, 1_800), kind: 'lease', node: 'leader', whose: 'leader' },
    ],
    demands: starts,
  };
}

/** The leadership changes, whoever claims it hears no answer, and reads come from a sleepy member of the store. */
function makeUnclearClaim({ chance, healMs }: Frame): Fault[] {
  const atMs = chance.whole(FIRST_FAULT_MS, healMs - 1_000);
  const trap: TrapFault = {
    place: 'store',
    call: 'cluster commit cluster/leader',
    phase: 'answered',
    then: 'lose_answer',
  };
  const everywhere = NAMES.flatMap((node): Fault[] => [
    { atMs, kind: 'stale', node, forMs: 2_500 },
    { atMs, kind: 'trap', node, trap, forMs: 0 },
  ]);
  return [...everywhere, { atMs: atMs + chance.whole(50, 600), kind: 'lease', node: 'leader', whose: 'leader' }];
}
