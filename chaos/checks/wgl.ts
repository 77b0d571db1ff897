// Is there an order of these operations, each somewhere between its call and its return, that a plain sequential program could have
// answered in the same way? The search of Wing and Gong with Lowe's memory of what was tried: a list of calls and returns in time
// order, from which calls are lifted as they are given their place. Called by the checkers; pure, so its limit is steps, not time.

export interface SequentialModel<S, I, O> {
  readonly initial: S;
  /** The state after it; null when this answer cannot be given in this state. `output` undefined = nobody saw the answer. */
  step(state: S, input: I, output: O | undefined): S | null;
  /** Equal for equal states, and only for those. */
  key(state: S): string;
}

export interface TimedOperation<I, O> {
  readonly input: I;
  readonly output: O | undefined;
  readonly call: number;
  /** Infinity = no answer came: it took effect at some time after the call, or never. */
  readonly ret: number;
}

/** `unknown` = the steps ran out. It proves nothing, and whoever asked must not take it for a success. */
export type Linearizability = 'linearizable' | 'illegal' | 'unknown';

/** A history of one run needs a few hundred steps. A million is a second or so, and far into a search that explodes. */
export const STEPS_MAX = 1_000_000;

interface Entry<S> {
  readonly index: number;
  readonly isCall: boolean;
  /** The call's return, the return's call. */
  partner: Entry<S> | null;
  previous: Entry<S> | null;
  next: Entry<S> | null;
}

interface Placed<S> {
  readonly entry: Entry<S>;
  readonly before: S;
}

/** Operations that nobody can order differently from what was seen make this fast; keep ten or fewer at once on one key. */
export function checkLinearizable<S, I, O>(
  model: SequentialModel<S, I, O>,
  operations: readonly TimedOperation<I, O>[],
  options: { readonly stepsMax: number } = { stepsMax: STEPS_MAX },
): Linearizability {
  const head = timeline<S, I, O>(operations);
  const tried = new Set<string>();
  const placed: Placed<S>[] = [];
  let state = model.initial;
  let done = 0n;
  let entry = head.next;
  for (let steps = 0; head.next !== null; steps += 1) {
    if (steps >= options.stepsMax) return 'unknown';
    const operation = entry === null ? undefined : operations[entry.index];
    if (entry !== null && operation !== undefined && entry.isCall) {
      const after = model.step(state, operation.input, operation.output);
      const bit = 1n << BigInt(entry.index);
      if (after !== null && isNew(tried, `${(done | bit).toString(36)} ${model.key(after)}`)) {
        placed.push({ entry, before: state });
        state = after;
        done |= bit;
        lift(entry);
        entry = head.next;
      } else {
        entry = entry.next;
      }
      continue;
    }
    // A return whose operation has no place yet. Those that never returned owe none.
    if (operation?.ret === Infinity) return 'linearizable';
    const last = placed.pop();
    if (last === undefined) return 'illegal';
    state = last.before;
    done &= ~(1n << BigInt(last.entry.index));
    putBack(last.entry);
    entry = last.entry.next;
  }
  return 'linearizable';
}

function isNew(tried: Set<string>, key: string): boolean {
  const before = tried.size;
  return tried.add(key).size > before;
}

/** Calls and returns in time order; a call comes before a return of the same instant, which allows more orders, never fewer. */
function timeline<S, I, O>(operations: readonly TimedOperation<I, O>[]): Entry<S> {
  const moments = operations.flatMap(({ call, ret }, index) => {
    const opening: Entry<S> = { index, isCall: true, partner: null, previous: null, next: null };
    const closing: Entry<S> = { index, isCall: false, partner: opening, previous: null, next: null };
    opening.partner = closing;
    return [
      { at: call, entry: opening },
      { at: ret, entry: closing },
    ];
  });
  moments.sort((a, b) => compare(a.at, b.at) || Number(b.entry.isCall) - Number(a.entry.isCall));
  const head: Entry<S> = { index: -1, isCall: false, partner: null, previous: null, next: null };
  let last = head;
  for (const { entry } of moments) {
    entry.previous = last;
    last.next = entry;
    last = entry;
  }
  return head;
}

/** Two that never returned are equal: Infinity minus itself would be no number. */
function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function lift<S>(entry: Entry<S>): void {
  unlink(entry);
  if (entry.partner !== null) unlink(entry.partner);
}

function unlink<S>(entry: Entry<S>): void {
  if (entry.previous !== null) entry.previous.next = entry.next;
  if (entry.next !== null) entry.next.previous = entry.previous;
}

/** In the opposite order of `lift`, since each remembers only its own neighbours. */
function putBack<S>(entry: Entry<S>): void {
  if (entry.partner !== null) relink(entry.partner);
  relink(entry);
}

function relink<S>(entry: Entry<S>): void {
  if (entry.previous !== null) entry.previous.next = entry;
  if (entry.next !== null) entry.next.previous = entry;
}
