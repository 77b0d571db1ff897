import { expect, test } from 'vitest';
import { negotiatedVersion } from '../../../../../scheduler/engines/docker/version.ts';

test.each([
  ['1.41', 'v1.41'],
  ['1.43', 'v1.43'],
  ['1.47', 'v1.47'],
  ['1.52', 'v1.47'],
])('api version: a daemon with %s is spoken to in %s', (header, wanted) => {
  expect(negotiatedVersion(header)).toBe(wanted);
});

test.each(['1.40', '2.0', '', 'x', undefined, ['1.41']])('api version: %j is refused', (header) => {
  expect(() => negotiatedVersion(header)).toThrow(expect.objectContaining({ code: 'unavailable' }));
});
