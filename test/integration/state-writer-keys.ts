// The keys that state-writer.ts writes, for it and for those who check them.

export const STATE_WRITERS = 5;

/** Far apart in the order of keys, so that a step touches several pages. */
export function stepKeys(writer: number, step: number): string[] {
  return ['a', 'm', 'z'].map((place) => `${place}/${writer}/${String(step).padStart(8, '0')}`);
}

export function counterKey(writer: number): string {
  return `counter/${writer}`;
}
