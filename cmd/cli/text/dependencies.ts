// A task's dependencies as sentences, one for each kind.

export type DependencyMap = Readonly<Record<string, string>>;

interface Wording {
  readonly rule: string;
  readonly before: string;
  /** What follows one parent, and several. */
  readonly one: string;
  readonly several: string;
}

const WORDINGS: readonly Wording[] = [
  { rule: 'any', before: 'after', one: ', however it ends', several: ', however they end' },
  { rule: 'success', before: 'only if', one: ' succeeds', several: ' succeed' },
  { rule: 'failure', before: 'only if', one: ' fails', several: ' fail' },
  {
    rule: 'unknown',
    before: 'never, since',
    one: ' would have to end as unknown',
    several: ' would have to end as unknown',
  },
];

/** Empty when the task waits for nothing. */
export function dependencySentences(dependsOn: DependencyMap): readonly string[] {
  return WORDINGS.flatMap(({ rule, before, one, several }) => {
    const parents = Object.keys(dependsOn).filter((parent) => dependsOn[parent]?.toLowerCase() === rule);
    return parents.length === 0 ? [] : [`${before} ${parents.join(', ')}${parents.length === 1 ? one : several}`];
  });
}
