// Who talks to whom in the local cluster. Each link can be led through something of the caller's own, such as a TCP proxy that cuts,
// delays or swallows: `route` is asked once for each link before the pieces start, and its answer is what `from` is told to use.

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What is spoken on a link. */
export type LinkKind =
  /** A node's requests to one etcd member. */
  | 'node-etcd'
  /** What the other nodes use to reach this node's node-to-node listener; one address for all of them. */
  | 'node-node'
  /** What the other members use to reach this member; one address for all of them. */
  | 'etcd-etcd'
  /** HAProxy to a node's API. */
  | 'balancer-node'
  /** A node to the Docker daemon. Only with the docker engine. */
  | 'node-docker';

export interface Link {
  readonly kind: LinkKind;
  /** Name of the piece; `*` where all others share one address. */
  readonly from: string;
  readonly to: string;
  /** Where `to` really listens. For `node-docker`: host '' and port 0, since it is a Unix socket. */
  readonly address: Address;
}

export type Route = (link: Link) => Address | Promise<Address>;

export const direct: Route = ({ address }) => address;

export function hostPort({ host, port }: Address): string {
  return `${host}:${port}`;
}
