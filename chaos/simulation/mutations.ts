// The list of guards that can be taken away. Each is a promise of the design; the test takes one away at a time and wants the
// simulation to notice.

import { keys } from '../../store/keys.ts';
import { isAppError } from '../../store/model/errors.ts';
import type { Compare, StateStore, Transaction, TransactionResult } from '../../store/state/port.ts';
import type { Mutation } from './mutation.ts';
import { NO_MUTATION } from './mutation.ts';
import type { Role } from './node.ts';

type Commit = (transaction: Transaction, store: StateStore) => Promise<TransactionResult>;

/** The same store with other commits, for some of those who ask. */
function commits(roles: readonly Role[], commit: Commit): Mutation['store'] {
  return (role, store) =>
    roles.includes(role) ? { ...store, commit: (transaction) => commit(transaction, store) } : store;
}

function stripped(roles: readonly Role[], isStripped: (compare: Compare) => boolean): Mutation['store'] {
  return commits(roles, (transaction, store) =>
    store.commit({ ...transaction, compares: transaction.compares.filter((compare) => !isStripped(compare)) }),
  );
}

const isFence = ({ target, key }: Compare) => target === 'create' && key === keys.leader();
const isMembership = ({ target, key }: Compare) => target === 'create' && key.startsWith('cluster/member/');
const isMod =
  (...prefixes: readonly string[]) =>
  ({ target, key }: Compare) =>
    target === 'mod' && prefixes.some((prefix) => key.startsWith(prefix));

const SUCCESS: TransactionResult = { succeeded: true, revision: 0, found: [] };

/** Takes a commit without an answer for done. */
const hopeful: Commit = async (transaction, store) => {
  try {
    return await store.commit(transaction);
  } catch (error) {
    if (!isAppError(error, 'unavailable')) throw error;
    return SUCCESS;
  }
};

const impatient: Commit = async (transaction, store) => {
  store.commit(transaction).catch(() => undefined);
  return SUCCESS;
};

const withoutBarrier: Commit = async (transaction, store) => {
  const isBarrier = transaction.writes.some((write) => 'key' in write && write.key === keys.barrier());
  if (!isBarrier) return store.commit(transaction);
  const fence = transaction.compares.find(isFence);
  return { ...SUCCESS, revision: fence?.target === 'create' ? fence.equals : 0 };
};

/** Takes from each what the sentence says; all else stays. */
const CHANGES: readonly (Pick<Mutation, 'name' | 'sentence'> & Partial<Mutation>)[] = [
  {
    name: 'term compare',
    sentence: "A leader's write does not compare the term.",
    store: stripped(['duty'], isFence),
  },
  {
    name: 'record compare',
    sentence: "A leader's write does not compare the records that it changes, nor the counter of events.",
    store: stripped(['duty'], isMod('run/', 'task/', 'event-counter')),
  },
  {
    name: 'both compares',
    sentence: 'A leader writes without any compare.',
    store: stripped(['duty'], () => true),
  },
  {
    name: 'barrier',
    sentence: 'A leader reads before a write of its term was acknowledged.',
    store: commits(['cluster'], withoutBarrier),
  },
  {
    name: 'deadline check',
    sentence: 'A leader does not look at its deadline before it acts.',
    leadership: (leadership) => ({ ...leadership, check: () => undefined }),
  },
  {
    name: 'deadline before the lease ends',
    sentence: 'A leader trusts itself for longer than its lease lasts.',
    timings: { holdMs: 6_000 },
  },
  {
    name: 'claim by name',
    sentence: 'An engine starts a body each time that it is told to.',
    host: { ...NO_MUTATION.host, claim: true },
  },
  {
    name: 'tombstone',
    sentence: 'An engine forgets that it ever had an attempt.',
    host: { ...NO_MUTATION.host, tombstone: true },
  },
  {
    name: 'trace of a start',
    sentence:
      'A container that the daemon says was never started is taken to be so, also when the daemon was killed meanwhile.',
    host: { ...NO_MUTATION.host, trace: true },
  },
  {
    name: 'bar by stop',
    sentence: 'A stop of an id that has no body yet does not keep a late start out.',
    engine: (engine) => ({
      ...engine,
      stop: async (id, options) => {
        const [report] = await engine.lookup([id]);
        if (report?.state === 'running') await engine.stop(id, options);
      },
    }),
  },
  {
    name: 'fence of the look-up',
    sentence: 'A new leader asks about half-started attempts and does not settle them.',
    engine: (engine) => ({ ...engine, lookup: (ids) => engine.lookup(ids) }),
  },
  {
    name: 'intent before effect',
    sentence: 'A leader acts before its intent is durable.',
    store: commits(['duty'], impatient),
  },
  {
    name: 'unknown is not success (leader)',
    sentence: 'A leader takes a commit without an answer for done.',
    store: commits(['duty'], hopeful),
  },
  {
    name: 'unknown is not success (API)',
    sentence: 'A node tells a client that a start without an answer was done.',
    store: commits(['api'], hopeful),
  },
  {
    name: 'idempotency compare',
    sentence: 'A start does not compare the remembered answer.',
    store: stripped(['api', 'duty'], ({ key }) => key.startsWith('idempotency/')),
  },
  {
    name: 'run counter compare',
    sentence: 'A run id is taken without a look at who took it meanwhile.',
    store: stripped(['api', 'duty'], isMod('run-counter/')),
  },
  {
    name: 'membership compare',
    sentence: 'A node settles logs without a look at whether it is still a member.',
    store: stripped(['member'], isMembership),
  },
  {
    name: 'archive before forget',
    sentence: 'An engine forgets an attempt before its log is kept.',
    engine: (engine) => ({
      ...engine,
      logs: async function* (id, options) {
        await engine.forget(id);
        yield* engine.logs(id, options);
      },
    }),
  },
];

export const MUTATIONS: readonly Mutation[] = CHANGES.map((change) => ({ ...NO_MUTATION, ...change }));
