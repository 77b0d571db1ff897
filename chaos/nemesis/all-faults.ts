// Every fault, and how `--faults` names them.

import { CLOCK_FAULT } from './clock-fault.ts';
import { ENGINE_FAULTS } from './engine-faults.ts';
import { ETCD_FAULTS } from './etcd-faults.ts';
import type { Fault } from './fault.ts';
import { NODE_FAULTS } from './kills.ts';
import { PACKET_LOSS } from './packet-loss.ts';
import { PAIRS } from './pairs.ts';
import { LINK_FAULTS } from './partitions.ts';

export const ALL_FAULTS: readonly Fault[] = [
  ...NODE_FAULTS,
  ...LINK_FAULTS,
  PACKET_LOSS,
  ...ETCD_FAULTS,
  ...ENGINE_FAULTS,
  CLOCK_FAULT,
  ...PAIRS,
];

/** By names of faults and of groups, `all` for all; throws with the words that there are when one is unknown. */
export function faultsNamed(words: readonly string[]): readonly Fault[] {
  const groups = [...new Set(ALL_FAULTS.flatMap((fault) => fault.groups))];
  const unknown = words.filter(
    (word) => word !== 'all' && !groups.includes(word) && !ALL_FAULTS.some(({ name }) => name === word),
  );
  if (unknown.length > 0) {
    const known = [...groups, ...ALL_FAULTS.map(({ name }) => name)].join(', ');
    throw new Error(`No such fault: ${unknown.join(', ')}. There are: all, ${known}.`);
  }
  return ALL_FAULTS.filter(({ name, groups: own }) =>
    words.some((word) => word === 'all' || word === name || own.includes(word)),
  );
}
