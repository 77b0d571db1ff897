// Ports for clusters that start at the same time.

import { expect, test } from 'vitest';
import { freePorts } from '../../../chaos/local-cluster/free-ports.ts';

test('a port is given once, though nobody listens on it yet', async () => {
  const range = { lowest: 11_700, highest: 11_710 };
  const first = await freePorts(6, range);
  expect(new Set(first).size).toBe(6);
  await expect(freePorts(6, range)).rejects.toThrow('no 6 free ports between 11700 and 11710');
});
