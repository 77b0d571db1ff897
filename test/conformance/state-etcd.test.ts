// The etcd backend passes the suite of all state stores, on a real cluster of three members.

import { afterAll, beforeAll } from 'vitest';
import { createEtcdStore } from '../../store/state/etcd/etcd-store.ts';
import { startEtcd } from '../etcd/etcd-cluster.ts';
import type { EtcdCluster } from '../etcd/etcd-cluster.ts';
import { describeStateStore } from './state-suite.ts';

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await startEtcd();
});
afterAll(() => cluster[Symbol.asyncDispose]());

describeStateStore('etcd', async () => {
  const store = createEtcdStore({ endpoints: cluster.endpoints, prefix: 'conformance/' });
  return { store, [Symbol.asyncDispose]: () => store.close() };
});
