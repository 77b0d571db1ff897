// What the composition root hands in for the node-to-node listener, and what it gets.

import type { Peers, PulseSource } from './port.ts';
import type { LeaderSeen, LeaderStarts, StartHere } from './run-starts.ts';
import type { TaskStreams } from './task-streams.ts';
import type { PeerTimings } from './timings.ts';

/** PEM files. They are looked at again while the node runs, so that certificates are renewed without a restart. */
export interface PeerTlsFiles {
  /** Of the one authority that signs the nodes of this cluster, and nothing else: whoever has its certificate is a node. */
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface PeersLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface PeersOptions {
  /** ip:port of the listener; port 0 = any that is free. */
  readonly bind: string;
  /** host:port under which the other nodes reach it; '' = as it is bound. Port 0 = the one that is bound. */
  readonly advertise: string;
  /** Null = no encryption and nobody checked: loopback addresses only. */
  readonly tls: PeerTlsFiles | null;
  /** Installation id of the store: nodes of another cluster are refused. */
  readonly clusterId: string;
  readonly self: { readonly nodeId: string; readonly name: string };
  readonly source: PulseSource;
  /** The engine that this node reaches; its streams are served to others. */
  readonly serve: OwnEngine;
  /** What this node does with starts that others hand to it. */
  readonly startHere: StartHere;
  /** Only ever grows; only differences mean anything. */
  readonly monotonicMs: () => number;
  readonly log: PeersLog;
  /** Others than PEER_TIMINGS. */
  readonly timings?: Partial<PeerTimings>;
}

export interface OwnEngine {
  /** As in this node's member record. */
  readonly identity: string;
  readonly tasks: TaskStreams;
}

/** A member that may be asked for streams. */
export interface EngineHolder {
  readonly name: string;
  readonly nodeId: string;
  /** host:port; '' = none. */
  readonly address: string;
  readonly engineIdentity: string;
}

export interface RemoteTasksOptions {
  /** Identity of the engine that the cluster works with; null = not known yet: this node's own. */
  readonly engine: () => string | null;
  /** The members as this node knows them. */
  readonly members: () => readonly EngineHolder[];
}

export interface OpenPeers {
  /** What others dial, for the member record. */
  readonly address: string;
  readonly peers: Peers;
  /** Streams of the cluster's engine: from this node's own when it is the right one, else through a member that reaches it. */
  taskStreams(options: RemoteTasksOptions): TaskStreams;
  /** The way of starts to whoever leads. */
  leaderStarts(leader: () => LeaderSeen | null): LeaderStarts;
  /** The listener and all connections; also those of `peers`. */
  close(): Promise<void>;
}
