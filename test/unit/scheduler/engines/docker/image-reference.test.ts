import { expect, test } from 'vitest';
import { parseImageReference } from '../../../../../scheduler/engines/docker/image-reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  ['busybox', { name: 'busybox', tag: 'latest', registry: null }],
  ['busybox:1.36', { name: 'busybox', tag: '1.36', registry: null }],
  ['team/tool:x', { name: 'team/tool', tag: 'x', registry: null }],
  ['ghcr.io/team/tool', { name: 'ghcr.io/team/tool', tag: 'latest', registry: 'ghcr.io' }],
  ['localhost/tool:1', { name: 'localhost/tool', tag: '1', registry: 'localhost' }],
  ['host:5000/team/tool', { name: 'host:5000/team/tool', tag: 'latest', registry: 'host:5000' }],
  ['host:5000/team/tool:7', { name: 'host:5000/team/tool', tag: '7', registry: 'host:5000' }],
  [`tool@${DIGEST}`, { name: 'tool', tag: DIGEST, registry: null }],
  [`host:5000/tool:7@${DIGEST}`, { name: 'host:5000/tool', tag: DIGEST, registry: 'host:5000' }],
])('image reference: %s', (image, wanted) => expect(parseImageReference(image)).toEqual(wanted));
