// What the start of a run depends on: the pipeline, the counter of its runs, the switch for the whole service, and answers that are
// remembered by key. Either read just now, or as this node left it with its last start, which is a guess.

import { keys } from '../../store/keys.ts';
import type { PipelineKey } from '../../store/keys.ts';
import type { Compare, KeyValue } from '../../store/state/port.ts';

type Seen = Pick<KeyValue, 'value' | 'modRevision'>;

export interface StartSight {
  /** Others may have changed it since: good enough to try, not to refuse. */
  readonly isGuess: boolean;
  readonly pipeline: Seen | null;
  readonly counter: Seen | null;
  readonly preferences: Seen | null;
  /** Idempotency keys that are known, by the key of their record. */
  readonly remembered: ReadonlyMap<string, Seen>;
}

export interface StartGuesses {
  /** Null = none. */
  take(pipeline: PipelineKey): StartSight | null;
  /** After a start that changed nothing but the counter. */
  keep(pipeline: PipelineKey, sight: StartSight): void;
}

/** Pipelines of which a guess is kept: a few hundred bytes each. */
const GUESSES_MAX = 5_000;

export function createStartGuesses(): StartGuesses {
  const guesses = new Map<string, StartSight>();
  return {
    take(pipeline) {
      const name = keys.pipeline(pipeline);
      const guess = guesses.get(name) ?? null;
      // Should its transaction fail, it was wrong, or nobody knows.
      guesses.delete(name);
      return guess;
    },
    keep(pipeline, sight) {
      guesses.set(keys.pipeline(pipeline), { ...sight, isGuess: true, remembered: new Map() });
      const [oldest] = guesses.keys();
      if (guesses.size > GUESSES_MAX && oldest !== undefined) guesses.delete(oldest);
    },
  };
}

export function sightKeys(pipeline: PipelineKey): readonly string[] {
  return [keys.pipeline(pipeline), keys.runCounter(pipeline), keys.preferences()];
}

/** From what was found under `sightKeys` and the keys of remembered answers. */
export function sightOf(pipeline: PipelineKey, found: readonly (KeyValue | null)[]): StartSight {
  const rest = new Map(found.flatMap((kv) => (kv === null ? [] : [[kv.key, kv] as const])));
  const take = (key: string) => {
    const kv = rest.get(key) ?? null;
    rest.delete(key);
    return kv;
  };
  const [pipelineKey, counterKey, preferencesKey] = [
    keys.pipeline(pipeline),
    keys.runCounter(pipeline),
    keys.preferences(),
  ];
  return {
    isGuess: false,
    ...{ pipeline: take(pipelineKey), counter: take(counterKey), preferences: take(preferencesKey) },
    remembered: rest,
  };
}

/** That all of it is still so. */
export function sightCompares(key: PipelineKey, { pipeline, counter, preferences }: StartSight): readonly Compare[] {
  return [
    { target: 'mod', key: keys.pipeline(key), equals: pipeline?.modRevision ?? 0 },
    { target: 'mod', key: keys.runCounter(key), equals: counter?.modRevision ?? 0 },
    { target: 'mod', key: keys.preferences(), equals: preferences?.modRevision ?? 0 },
  ];
}
