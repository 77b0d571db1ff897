// What the router leaves to us (spec 1.1): segments "." and "..", and which methods a known path has.

/** True when a segment, after decoding, is "." or "..". */
export function hasDotSegment(url: string): boolean {
  // Nearly all requests end here: no segment begins with a dot, encoded or not.
  if (!/(?:\/|%2f)(?:\.|%2e)/i.test(url)) return false;
  return pathOf(url)
    .split('/')
    .map(decoded)
    .some((segment) => segment === '.' || segment === '..');
}

export interface KnownRoute {
  readonly method: string;
  /** With `:name` for variables, as Fastify writes it. */
  readonly url: string;
}

/** Methods of all routes whose pattern fits the path, in the order of the routes. */
export function methodsOf(routes: readonly KnownRoute[], url: string): readonly string[] {
  const path = segmentsOf(pathOf(url));
  return routes.filter((route) => fits(segmentsOf(route.url), path)).map(({ method }) => method);
}

export function isBelowApi(url: string): boolean {
  return segmentsOf(pathOf(url))[0] === 'api';
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/** Empty segments do not count. */
function segmentsOf(path: string): readonly string[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decoded);
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  return pattern.length === path.length && pattern.every((part, index) => part.startsWith(':') || part === path[index]);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
