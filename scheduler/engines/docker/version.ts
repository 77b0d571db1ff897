// Which version of the Docker API to speak. Pure.

import { AppError } from '../../../store/model/errors.ts';

/** Docker 20.10; older ones are not tested. */
const MINOR_MIN = 41;
/** The newest that was read through for changes; a newer daemon is spoken to in this one. */
const MINOR_MAX = 47;

/** Picks the path prefix, such as `v1.41`, from the `Api-Version` header of a ping. */
export function negotiatedVersion(header: unknown): string {
  const match = /^1\.([0-9]{1,4})$/.exec(typeof header === 'string' ? header : '');
  const minor = Number(match?.[1] ?? 0);
  if (minor >= MINOR_MIN) return `v1.${Math.min(minor, MINOR_MAX)}`;
  const shown = typeof header === 'string' ? JSON.stringify(header.slice(0, 40)) : 'none';
  throw new AppError('unavailable', 'The Docker daemon is too old: API 1.41 (Docker 20.10) is needed.', {
    detail: `API version ${shown}`,
  });
}
