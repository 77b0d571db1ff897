// The list of guards that can be taken away. Each is a promise of the design; the test takes one away at a time and wants the
// simulation to notice. A guard that another one covers is listed with its cover, and both are taken away.

import { keys } from '../../store/keys.ts';
import { isAppError } from '../../store/model/errors.ts';
import type { Compare, StateStore, Transaction, TransactionResult } from '../../store/state/port.ts';
import type { Mutation } from './mutation.ts';
import { NO_MUTATION } from './mutation.ts';
import type { Role } from './node.ts';

function without(name: string, sentence: string, change: Partial<Mutation>): Mutation {
  return { ...NO_MUTATION, name, sentence, ...change };
}

/** The same store with other commits, for some of those who ask. */
function commits(
  roles: readonly Role[],
  change: (transaction: Transaction, store: StateStore) => Promise<TransactionResult>,
): Mutation['store'] {
  return (role, store) =>
    roles.includes(role) ? { ...store, commit: (transaction) => change(transaction, store) } : store;
}

function stripped(roles: readonly Role[], isStripped: (compare: Compare) => boolean): Mutation['store'] {
  return commits(roles, (transaction, store) =>
    store.commit({ ...transaction, compares: transaction.compares.filter((compare) => !isStripped(compare)) }),
  );
}

const isFence = ({ target, key }: Compare) => target === 'create' && key === keys.leader();
const isRecord = ({ target, key }: Compare) => target === 'mod' && /^(run|task)\//.test(key);
const isMod =
  (prefix: string) =>
  ({ target, key }: Compare) =>
    target === 'mod' && key.startsWith(prefix);

/** What a commit without an answer is taken for. */
function guessed(roles: readonly Role[], succeeded: boolean): Mutation['store'] {
  return commits(roles, async (transaction, store) => {
    try {
      return await store.commit(transaction);
    } catch (error) {
      if (!isAppError(error, 'unavailable')) throw error;
      return { succeeded, revision: 0, found: [] };
    }
  });
}

export const MUTATIONS: readonly Mutation[] = [
  without('term compare', "A leader's write does not compare the term.", { store: stripped(['duty'], isFence) }),
  without('record compare', "A leader's write does not compare the records that it changes.", {
    store: stripped(['duty'], isRecord),
  }),
  without('both compares', 'A leader writes without any compare.', { store: stripped(['duty'], () => true) }),
  without('event counter compare', 'Events are numbered without a look at what was numbered before.', {
    store: stripped(['duty'], isMod('event-counter')),
  }),
  without('deadline', 'A leader believes in itself until somebody tells it otherwise.', {
    leadership: (leadership) => ({ ...leadership, check: () => undefined }),
  }),
  without('claim by name', 'An engine starts a body each time that it is told to.', {
    host: { ...NO_MUTATION.host, claim: true },
  }),
  without('tombstone', 'An engine forgets that it ever had an attempt.', { host: { ...NO_MUTATION.host, tombstone: true } }),
  without('unknown is not success (leader)', 'A leader takes a commit without an answer for done.', {
    store: guessed(['duty'], true),
  }),
  without('unknown is not success (API)', 'A node tells a client that a start without an answer was done.', {
    store: guessed(['api'], true),
  }),
  without('intent first', 'A leader acts before its intent is durable.', {
    store: commits(['duty'], (transaction, store) => {
      store.commit(transaction).catch(() => undefined);
      return Promise.resolve({ succeeded: true, revision: 0, found: [] });
    }),
  }),
  without('idempotency compare', 'A start does not compare the remembered answer.', {
    store: stripped(['api'], ({ key }) => key.startsWith('idempotency/')),
  }),
  without('run counter compare', 'A run id is taken without a look at who took it meanwhile.', {
    store: stripped(['api'], isMod('run-counter/')),
  }),
  without('archive before forget', 'An engine forgets an attempt before its log is kept.', {
    engine: (engine) => ({
      ...engine,
      logs: async function* (id, options) {
        await engine.forget(id);
        yield* engine.logs(id, options);
      },
    }),
  }),
];
