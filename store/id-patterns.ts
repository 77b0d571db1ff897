// Patterns over ids, as people write them for roles (spec 1.9) and global secrets (spec 6.3): regular expressions that may match anywhere
// in the id. The dialect is RE2's, which the original's engine shares: no look-around, no back-references, and the time to match grows with
// the length of the text alone, so that no pattern can hold a node up.

import { RE2JS } from 're2js';

/** Longer patterns over 32-character ids are mistakes. */
export const PATTERN_LENGTH_MAX = 200;
/** Patterns that are kept ready; roles of a large company have fewer. */
const COMPILED_MAX = 1_000;

/** Null = it is no regular expression. */
const compiled = new Map<string, RE2JS | null>();

/** Null when the pattern may be used, else what is wrong with it. */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > PATTERN_LENGTH_MAX) return `it is longer than ${PATTERN_LENGTH_MAX} characters`;
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    return `it is not a regular expression (${error instanceof Error ? error.message : String(error)})`;
  }
}

/** False for a pattern that cannot be used. */
export function matchesPattern(pattern: string, id: string): boolean {
  const expression = ready(pattern);
  return expression !== null && expression.matcher(id).find();
}

/** Empty texts and unusable patterns match nothing; an empty list permits nobody. */
export function matchesAnyNamespace(patterns: readonly string[], namespaceId: string): boolean {
  return patterns.some((pattern) => pattern !== '' && matchesPattern(pattern, namespaceId));
}

function ready(pattern: string): RE2JS | null {
  const found = compiled.get(pattern);
  if (found !== undefined) return found;
  const expression = patternProblem(pattern) === null ? RE2JS.compile(pattern) : null;
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  compiled.set(pattern, expression);
  return expression;
}
