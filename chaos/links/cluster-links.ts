// All links of a local cluster, each led through a proxy of its own, so that one part can be cut off from another while both live on.
// etcd's members speak with each other directly: how they bear partitions is etcd's own business, and well tested there.

import { direct } from '../local-cluster/links.ts';
import type { Address, Link, LinkKind } from '../local-cluster/links.ts';
import type { LinkRule } from './link-rules.ts';
import { PASS } from './link-rules.ts';
import { ownerOfPort } from './socket-owner.ts';
import type { Owner } from './socket-owner.ts';
import { createTcpLink } from './tcp-link.ts';
import type { LinkCounters, TcpLink } from './tcp-link.ts';

export interface LinkEnds {
  readonly kind: LinkKind;
  /** Absent = whoever uses the link. */
  readonly from?: string;
  /** Absent = all that `from` has links of this kind to. */
  readonly to?: string;
}

export interface ClusterLinks extends AsyncDisposable {
  /** Given to the local cluster; asked once for each link. */
  route(link: Link): Promise<Address>;
  /** Who the processes are now: links that several share look a connection's owner up. */
  setOwners(owners: () => readonly Owner[]): void;
  set(ends: LinkEnds, rule: LinkRule): Promise<void>;
  /** All links pass again. */
  heal(): Promise<void>;
  /** Ports on which these links listen. */
  ports(ends: LinkEnds): readonly number[];
  /** Sums over these links. */
  counters(ends: LinkEnds): LinkCounters;
}

export interface ClusterLinksOptions {
  readonly random: () => number;
  /** Socket of the Docker daemon; '' = no Docker. */
  readonly dockerSocket: string;
  /** Sees what a node asks of the Docker daemon. */
  readonly onDockerRequest: (node: string, chunk: Buffer) => void;
}

interface Known {
  readonly link: Link;
  readonly tcp: TcpLink;
}

export function createClusterLinks({ random, dockerSocket, onDockerRequest }: ClusterLinksOptions): ClusterLinks {
  const known: Known[] = [];
  let owners: () => readonly Owner[] = () => [];

  const matching = ({ kind, from, to }: LinkEnds) =>
    known.filter(
      ({ link }) =>
        link.kind === kind &&
        (to === undefined || link.to === to) &&
        (from === undefined || link.from === '*' || link.from === from),
    );

  async function open(link: Link): Promise<TcpLink> {
    const { kind, from, address } = link;
    if (kind === 'node-docker') {
      return createTcpLink({
        ...{ target: { path: dockerSocket }, random },
        onRequestBytes: (chunk) => onDockerRequest(from, chunk),
      });
    }
    return createTcpLink({
      ...{ target: address, random },
      ...(from === '*' ? { sourceOf: (port: number) => ownerOfPort(port, owners()) } : {}),
    });
  }

  return {
    async route(link) {
      if (link.kind === 'etcd-etcd') return direct(link);
      const tcp = await open(link);
      known.push({ link, tcp });
      return { host: '127.0.0.1', port: tcp.port };
    },
    setOwners: (given) => void (owners = given),
    async set(ends, rule) {
      await Promise.all(
        matching(ends).map(({ link, tcp }) => tcp.set(rule, link.from === '*' ? ends.from : undefined)),
      );
    },
    async heal() {
      await Promise.all(known.map(({ tcp }) => tcp.set(PASS)));
    },
    ports: (ends) => matching(ends).map(({ tcp }) => tcp.port),
    counters: (ends) =>
      matching(ends)
        .map(({ tcp }) => tcp.counters())
        .reduce(sum, NONE),
    async [Symbol.asyncDispose]() {
      await Promise.all(known.map(({ tcp }) => tcp[Symbol.asyncDispose]()));
    },
  };
}

const NONE: LinkCounters = { accepted: 0, reset: 0, bytes: 0, held: 0, stalls: 0, cuts: 0 };

function sum(one: LinkCounters, other: LinkCounters): LinkCounters {
  return {
    accepted: one.accepted + other.accepted,
    reset: one.reset + other.reset,
    bytes: one.bytes + other.bytes,
    held: one.held + other.held,
    stalls: one.stalls + other.stalls,
    cuts: one.cuts + other.cuts,
  };
}
