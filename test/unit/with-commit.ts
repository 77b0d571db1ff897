// A store whose commits a test looks at or spoils; all else goes to the store below.

import type { StateStore } from '../../store/state/port.ts';

export function withCommit(state: StateStore, commit: StateStore['commit']): StateStore {
  return {
    limits: state.limits,
    commit,
    get: (key) => state.get(key),
    range: (range, options) => state.range(range, options),
    watch: (range, options) => state.watch(range, options),
    grantLease: (ttl) => state.grantLease(ttl),
    keepLease: (id, options) => state.keepLease(id, options),
    revokeLease: (id) => state.revokeLease(id),
    compact: (revision) => state.compact(revision),
    close: () => state.close(),
  };
}
