// The cluster: who is in it, who leads, and what an operator asks of it. All of that is records: an order is written here, and the
// nodes, which watch the records, carry it out. The node that serves adds only what it knows of itself.

import { keys } from '../../store/keys.ts';
import type { Member } from '../../store/model/cluster.ts';
import { AppError } from '../../store/model/errors.ts';
import type { Instant } from '../../store/model/ids.ts';
import { drainRecord, transferRecord } from '../../store/records/cluster-records.ts';
import type { StateStore } from '../../store/state/port.ts';
import { readCluster } from './cluster-view.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ApiDeps, NodeView } from './deps.ts';
import type { Needs, Operation, RequestContext } from './operation.ts';
import { contended, retried } from './store-pages.ts';

const READ: Needs = { resources: ['system'], action: 'read', adminOnly: true };
const WRITE: Needs = { resources: ['system'], action: 'write', adminOnly: true };

/** What the node that serves knows of itself. */
export interface ServingNode {
  readonly name: string | null;
  readonly readiness: ReturnType<NodeView['readiness']>;
  readonly store: ReturnType<NodeView['storeHealth']>;
}

export interface ClusterStatus extends ClusterView {
  readonly servedBy: ServingNode;
}

export interface Transfer {
  readonly term: number;
  readonly from: string;
  /** Null = whoever comes first. */
  readonly to: string | null;
}

export interface Drain {
  readonly node: string;
  readonly since: Instant;
  readonly by: string;
}

const ALWAYS_READY: NodeView = {
  name: null,
  readiness: () => ({ ready: true, reasons: [] }),
  storeHealth: () => null,
};

export function createClusterOperations(deps: ApiDeps) {
  const { state, node = ALWAYS_READY } = deps;
  return {
    /** For load balancers: without a caller, and without waiting for anything. */
    readiness: node.readiness,

    getCluster: {
      operationId: 'get_cluster',
      needs: READ,
      run: async () => ({
        ...(await readCluster(state)),
        servedBy: { name: node.name, readiness: node.readiness(), store: node.storeHealth() },
      }),
    } satisfies Operation<void, ClusterStatus>,

    transferLeadership: {
      operationId: 'transfer_leadership',
      needs: WRITE,
      run: (input) => transfer(deps, input),
    } satisfies Operation<{ readonly to: string | null }, Transfer>,

    drainNode: {
      operationId: 'drain_node',
      needs: WRITE,
      run: (input, context) => drain(deps, input, context),
    } satisfies Operation<{ readonly node: string }, Drain>,

    undrainNode: {
      operationId: 'undrain_node',
      needs: WRITE,
      run: ({ node: name }) => undrain(state, name),
    } satisfies Operation<{ readonly node: string }, void>,
  };
}

/** The order names the term that is to end, so it cannot depose a leader that came in the meantime. */
async function transfer({ state, now }: ApiDeps, { to }: { readonly to: string | null }): Promise<Transfer> {
  return retried(async () => {
    const cluster = await readCluster(state);
    const { leader } = cluster;
    if (leader === null) throw new AppError('unavailable', 'No node leads at the moment: try again.');
    if (to === null) requireSuccessor(cluster, leader.name);
    else requireCandidate(cluster, to);
    if (to === leader.name) throw new AppError('conflict', `${to} leads already.`);
    const { succeeded } = await state.commit({
      compares: [{ target: 'create', key: keys.leader(), equals: leader.term }],
      writes: [
        { op: 'put', key: keys.transfer(), value: transferRecord.encode({ term: leader.term, to, askedAt: now() }) },
      ],
    });
    return succeeded ? { term: leader.term, from: leader.name, to } : null;
  });
}

function requireSuccessor(cluster: ClusterView, leader: string): void {
  if (cluster.members.some(({ member }) => member.name !== leader && whyNot(cluster, member) === null)) return;
  throw new AppError('conflict', `No other node can lead: ${leader} is the only candidate.`);
}

function requireCandidate(cluster: ClusterView, name: string): void {
  const why = whyNot(cluster, memberNamed(cluster, name));
  if (why !== null) throw new AppError('conflict', `${name} cannot lead: ${why}`);
}

/** Why a member cannot lead; null = it can. */
function whyNot(cluster: ClusterView, { name, standsBack }: Member): string | null {
  if (standsBack !== null) return standsBack;
  return cluster.drains.some(({ node }) => node === name) ? 'it is being drained.' : null;
}

function memberNamed(cluster: ClusterView, name: string): Member {
  const found = cluster.members.find(({ member }) => member.name === name);
  if (found !== undefined) return found.member;
  const names = cluster.members.map(({ member }) => member.name).join(', ');
  throw new AppError('invalid', `No node named ${JSON.stringify(name)} is in the cluster; there are: ${names}.`);
}

async function drain(
  { state, now }: ApiDeps,
  { node }: { readonly node: string },
  { caller }: RequestContext,
): Promise<Drain> {
  const cluster = await readCluster(state);
  const before = cluster.drains.find((order) => order.node === node);
  if (before !== undefined) return before;
  memberNamed(cluster, node);
  const isDrained = (name: string) => name === node || cluster.drains.some((order) => order.node === name);
  // Two orders at the same moment may still leave none: then no node is ready, and the status says why.
  if (cluster.members.every(({ member }) => isDrained(member.name))) {
    throw new AppError('conflict', `${node} is the only node that serves: without it nobody would.`);
  }
  const order: Drain = { node, since: now(), by: caller.user };
  const { succeeded } = await state.commit({
    compares: [{ target: 'create', key: keys.drain(node), equals: 0 }],
    writes: [{ op: 'put', key: keys.drain(node), value: drainRecord.encode({ since: order.since, by: order.by }) }],
  });
  if (!succeeded) throw contended();
  return order;
}

async function undrain(state: StateStore, node: string): Promise<void> {
  const key = keys.drain(node);
  const found = await state.get(key);
  if (found === null) throw new AppError('invalid', `${node} is not being drained.`);
  const { succeeded } = await state.commit({
    compares: [{ target: 'mod', key, equals: found.modRevision }],
    writes: [{ op: 'delete', key }],
  });
  if (!succeeded) throw contended();
}
