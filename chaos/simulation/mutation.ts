// Guards that can be taken away, one at a time, to prove that the simulation would notice. They are taken away from outside: by
// wrapping what the code under test is given. Nothing in that code knows of it.

import type { ClusterTimings } from '../../cluster/join.ts';
import type { Leadership } from '../../cluster/leadership.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { Role } from './node.ts';

export interface Mutation {
  readonly name: string;
  /** What is taken away, as a sentence. */
  readonly sentence: string;
  /** On the node's side of the wire. */
  readonly store: (role: Role, store: StateStore) => StateStore;
  readonly leadership: (leadership: Leadership) => Leadership;
  readonly engine: (engine: Engine) => Engine;
  readonly timings: Partial<ClusterTimings>;
  readonly host: { readonly claim: boolean; readonly tombstone: boolean; readonly trace: boolean };
}

export const NO_MUTATION: Mutation = {
  name: 'none',
  sentence: 'Nothing is taken away.',
  store: (_role, store) => store,
  leadership: (leadership) => leadership,
  engine: (engine) => engine,
  timings: {},
  host: { claim: false, tombstone: false, trace: false },
};
