// A task's dependencies as sentences, one for each kind.

export type DependencyMap = Readonly<Record<string, string>>;

const SENTENCES: readonly (readonly [rule: string, sentence: (parents: string) => string])[] = [
  ['any', (parents) => `after ${parents}, however it ends`],
  ['success', (parents) => `only if ${parents} succeeds`],
  ['failure', (parents) => `only if ${parents} fails`],
  ['unknown', (parents) => `never, since ${parents} would have to end as unknown`],
];

/** Empty when the task waits for nothing. */
export function dependencySentences(dependsOn: DependencyMap): readonly string[] {
  return SENTENCES.flatMap(([rule, sentence]) => {
    const parents = Object.keys(dependsOn).filter((parent) => dependsOn[parent]?.toLowerCase() === rule);
    return parents.length === 0 ? [] : [sentence(parents.join(', '))];
  });
}
