// Which namespaces may use a global secret: unanchored patterns over the namespace id (spec 6.3). Patterns come from people, so
// those that a backtracking engine could be held up with are refused when they are stored, and never run.

/** Longer patterns over 32-character ids are mistakes. */
export const PATTERN_LENGTH_MAX = 200;

/** Namespace ids are at most 32 characters, so one level of repetition stays harmless; a repeated group does not. */
const REPEATED_GROUP = /\)\s*[*+?{]/;
const BACKREFERENCE_OR_LOOKAROUND = /\\[1-9k]|\(\?[=!<]/;

/** Null when the pattern may be used, else what is wrong with it. */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > PATTERN_LENGTH_MAX) return `it is longer than ${PATTERN_LENGTH_MAX} characters`;
  if (BACKREFERENCE_OR_LOOKAROUND.test(pattern)) return 'back-references and look-around are not supported';
  if (REPEATED_GROUP.test(pattern)) return 'repeated groups are not supported';
  try {
    new RegExp(pattern, 'u');
    return null;
  } catch {
    return 'it is not a regular expression';
  }
}

/** Empty texts and unusable patterns match nothing; an empty list permits nobody. */
export function matchesAnyNamespace(patterns: readonly string[], namespaceId: string): boolean {
  return patterns.some(
    (pattern) => pattern !== '' && patternProblem(pattern) === null && new RegExp(pattern, 'u').test(namespaceId),
  );
}
