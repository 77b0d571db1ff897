// Links that are cut, slow or lossy. Who is cut off is the leader: a follower's links matter less.

import { PASS } from '../links/link-rules.ts';
import type { LinkRule } from '../links/link-rules.ts';
import type { LinkCounters } from '../links/tcp-link.ts';
import type { LinkEnds } from '../links/cluster-links.ts';
import type { Session } from '../session/session.ts';
import type { LocalNode } from '../local-cluster/nodes.ts';
import { NOTHING_MISSING } from './fault.ts';
import type { Fault, OngoingFault } from './fault.ts';

const HELD: LinkRule = { kind: 'black hole', holds: 'both' };
const NO_ANSWERS: LinkRule = { kind: 'black hole', holds: 'answers' };
/** As a line to another continent, with a modem at its end. */
const SLOW: LinkRule = { kind: 'slow', delayMs: 60, jitterMs: 60, bytesPerSecond: 200_000 };
/** A few of a hundred packets are lost: each costs a retransmission (200 ms and more), and some connections break. */
const LOSSY: LinkRule = { kind: 'lossy', stallChance: 0.05, stallMs: 200, cutChance: 0.004 };

/** Longer than a leader may trust itself without an answer from the store (3.5 s). */
const CUT_MS = 4_500;
const DEGRADED_MS = 3_000;

interface LinkFault extends Pick<Fault, 'name' | 'what' | 'groups' | 'reign' | 'holdMs'> {
  readonly rule: LinkRule;
  /** The links of this node that are hit. */
  readonly ends: (node: LocalNode) => readonly LinkEnds[];
}

const toEtcd = ({ name }: LocalNode): readonly LinkEnds[] => [{ kind: 'node-etcd', from: name }];
const peersOf = ({ name }: LocalNode): readonly LinkEnds[] => [
  { kind: 'node-node', from: name },
  { kind: 'node-node', to: name },
];
const toBalancer = ({ name }: LocalNode): readonly LinkEnds[] => [{ kind: 'balancer-node', to: name }];
const toDocker = ({ name }: LocalNode): readonly LinkEnds[] => [{ kind: 'node-docker', from: name }];

function linkFault({ rule, ends, ...facts }: LinkFault): Fault {
  return {
    ...facts,
    missing: NOTHING_MISSING,
    begin: async (session) => breakLinks(session, { node: await session.cluster.leader(), rule, ends }),
  };
}

interface Broken {
  readonly node: LocalNode;
  readonly rule: LinkRule;
  readonly ends: (node: LocalNode) => readonly LinkEnds[];
}

export async function breakLinks({ links }: Session, { node, rule, ends }: Broken): Promise<OngoingFault> {
  const hit = ends(node);
  const before = hit.map((each) => links.counters(each));
  const at = performance.now();
  await Promise.all(hit.map((each) => links.set(each, rule)));
  return {
    target: node.name,
    at,
    proof: async () =>
      difference(
        before,
        hit.map((each) => links.counters(each)),
      ),
    heal: async () => void (await Promise.all(hit.map((each) => links.set(each, PASS)))),
  };
}

/** What the proxies have counted since; null = not one byte, connection or stall was touched. */
function difference(before: readonly LinkCounters[], after: readonly LinkCounters[]): string | null {
  const grown = (field: keyof LinkCounters) =>
    after.reduce((sum, counters, index) => sum + counters[field] - (before[index]?.[field] ?? 0), 0);
  const facts = [
    { count: grown('held'), unit: 'bytes held back' },
    { count: grown('stalls'), unit: 'stalls' },
    { count: grown('cuts') + grown('reset'), unit: 'connections broken' },
  ].filter(({ count }) => count > 0);
  return facts.length === 0 ? null : facts.map(({ count, unit }) => `${count} ${unit}`).join(', ');
}

export const LINK_FAULTS: readonly Fault[] = [
  linkFault({
    ...{ name: 'cut-etcd', what: 'the leader is cut off from etcd, and from nothing else' },
    ...{ groups: ['partition'], reign: 'ends', holdMs: CUT_MS, rule: HELD, ends: toEtcd },
  }),
  linkFault({
    ...{ name: 'cut-etcd-answers', what: 'requests of the leader reach etcd, and no answer comes back' },
    ...{ groups: ['partition', 'one-way'], reign: 'ends', holdMs: CUT_MS, rule: NO_ANSWERS, ends: toEtcd },
  }),
  linkFault({
    ...{ name: 'cut-peers', what: 'the leader is cut off from the other nodes, and not from etcd' },
    ...{ groups: ['partition'], reign: 'either', holdMs: CUT_MS, rule: HELD, ends: peersOf },
  }),
  linkFault({
    ...{ name: 'cut-balancer', what: 'the load balancer does not reach the leader' },
    ...{ groups: ['partition'], reign: 'goes on', holdMs: DEGRADED_MS, rule: HELD, ends: toBalancer },
  }),
  linkFault({
    ...{ name: 'isolate-leader', what: 'the leader is cut off from etcd, the other nodes and the load balancer' },
    ...{ groups: ['partition'], reign: 'ends', holdMs: CUT_MS, rule: HELD },
    ends: (node) => [...toEtcd(node), ...peersOf(node), ...toBalancer(node)],
  }),
  {
    ...linkFault({
      ...{ name: 'cut-engine', what: 'the leader is cut off from the Docker daemon' },
      ...{ groups: ['partition', 'engine'], reign: 'goes on', holdMs: DEGRADED_MS, rule: HELD, ends: toDocker },
    }),
    missing: ({ options }) => (options.engine === 'docker' ? null : 'only the docker engine is reached by a link'),
  },
  linkFault({
    ...{ name: 'slow-etcd', what: 'the links between the leader and etcd are slow (60-120 ms a way, 200 KB/s)' },
    ...{ groups: ['slow'], reign: 'either', holdMs: DEGRADED_MS, rule: SLOW, ends: toEtcd },
  }),
  linkFault({
    ...{ name: 'lossy-etcd', what: 'the links between the leader and etcd stall and break' },
    ...{ groups: ['lossy'], reign: 'either', holdMs: DEGRADED_MS, rule: LOSSY, ends: toEtcd },
  }),
];
