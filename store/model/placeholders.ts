// Placeholders of variables (spec 6.1): a value that as a whole, white space around it aside, is `<kind>{{<key>}}`. Anything else is
// plain text: there is no partial substitution, no nesting and no escaping.

export type PlaceholderKind = 'pipeline_secret' | 'global_secret' | 'pipeline_object' | 'run_object' | 'unknown';

export interface Placeholder {
  readonly kind: PlaceholderKind;
  readonly key: string;
}

const FORM = /^([a-z_]+)\{\{([\s\S]+)\}\}$/i;
const KINDS: ReadonlySet<string> = new Set([
  'pipeline_secret',
  'global_secret',
  'pipeline_object',
  'run_object',
  'unknown',
]);

/** Null for plain text. The kind `unknown` is a word of the original's that never resolves. */
export function parsePlaceholder(value: string): Placeholder | null {
  // Most values are plain text, and some are long: the cheap look comes first.
  if (!value.includes('{{')) return null;
  const match = FORM.exec(value.trim());
  const kind = match?.[1]?.toLowerCase() ?? '';
  if (match === null || !isKind(kind)) return null;
  return { kind, key: (match[2] ?? '').trim() };
}

function isKind(text: string): text is PlaceholderKind {
  return KINDS.has(text);
}
