// How the cluster looks to people. Pure.

import type { Cluster, ClusterMember, ClusterStore } from '../../../sdk/client/cluster-types.ts';
import type { Answer, View } from '../context.ts';
import { byteWords } from '../text/bytes.ts';
import { renderDetails } from '../text/details.ts';
import { visible } from '../text/display.ts';
import { renderTable } from '../text/table.ts';

export function clusterView(cluster: Cluster): Answer['text'] {
  return (view) =>
    renderDetails(
      {
        title: `Cluster ${cluster.cluster_id}`,
        facts: [
          ['Leader', leaderText(cluster)],
          ['Handing over', transferText(cluster)],
          ['Store', storeText(cluster.served_by.store)],
          ['Record format', cluster.record_format],
          ['Answered by', cluster.served_by.name ?? 'this one node'],
        ],
        sections: [
          { title: 'Nodes', lines: membersTable(cluster, view).split('\n') },
          { title: 'Store', lines: storeTable(cluster.served_by.store, view) },
          { title: 'Problems', lines: problems(cluster) },
        ],
      },
      view.paint,
    );
}

function leaderText({ leader }: Cluster): string {
  return leader === null ? 'none at the moment' : `${leader.name}, in term ${leader.term}`;
}

function transferText({ transfer }: Cluster): string | null {
  return transfer === null ? null : `to ${transfer.to ?? 'another node'}`;
}

function storeText(store: ClusterStore | null): string {
  if (store === null) return 'embedded';
  const there = store.members.filter(({ reachable }) => reachable).length;
  const speed = store.write_ms === 0 ? '' : `, ${milliseconds(store.write_ms)} a write`;
  return `${store.status}: ${there} of ${store.members.length} members of etcd${speed}`;
}

function membersTable(cluster: Cluster, { paint, time }: View): string {
  return renderTable(
    {
      columns: ['node', 'state', 'engine', 'version', 'started', 'store', 'lag', 'clock', 'api'],
      rows: cluster.members.map((member) => [
        member.name,
        stateOf(member, cluster),
        member.engine.kind,
        member.version,
        time(member.started),
        milliseconds(member.health.store_ms),
        milliseconds(member.health.lag_ms),
        milliseconds(member.health.clock_offset_ms),
        member.api_url,
      ]),
    },
    paint,
  );
}

function stateOf(member: ClusterMember, { drains }: Cluster): string {
  const order = drains.find(({ node }) => node === member.name);
  if (order !== undefined) return order.state;
  if (member.leader) return 'leads';
  return member.stands_back === null ? 'follows' : 'stands back';
}

function storeTable(store: ClusterStore | null, { paint }: View): readonly string[] {
  if (store === null || store.members.length === 0) return [];
  const table = renderTable(
    {
      columns: ['etcd member', 'state', 'version', 'size', 'answers in'],
      rows: store.members.map((member) => [
        member.endpoint,
        member.reachable ? (member.leader ? 'leads' : 'follows') : 'no answer',
        member.version,
        byteWords(member.db_bytes),
        milliseconds(member.answer_ms),
      ]),
    },
    paint,
  );
  return table.split('\n');
}

/** Everything that somebody should look at, with the node that says it. */
function problems({ members, drains, served_by: servedBy }: Cluster): readonly string[] {
  const away = drains.filter(({ state }) => state === 'absent').map(({ node }) => `${node}: drained, and not there`);
  const reasons = servedBy.reasons.map((reason) => `${servedBy.name ?? 'this node'} is not ready: ${reason}`);
  const store = (servedBy.store?.problems ?? []).map(({ endpoint, message }) =>
    endpoint === '' ? `store: ${message}` : `store, ${endpoint}: ${message}`,
  );
  return [...members.flatMap(problemsOf), ...away, ...reasons, ...store].map(visible);
}

function problemsOf({ name, stands_back: standsBack, health }: ClusterMember): readonly string[] {
  const back = standsBack === null ? [] : [`${name} stands back: ${standsBack}`];
  return [...back, ...health.problems.map((problem) => `${name}: ${problem}`)];
}

function milliseconds(amount: number | null): string {
  if (amount === null) return '-';
  return amount < 10 ? `${amount.toFixed(1).replace(/\.0$/, '')} ms` : `${Math.round(amount)} ms`;
}
