// What goes over the wire about the cluster. The server's schemas are the contract.

export interface ClusterMember {
  readonly name: string;
  readonly node_id: string;
  readonly leader: boolean;
  /** Why it does not lead, whoever else may. */
  readonly stands_back: string | null;
  readonly version: string;
  readonly record_formats: { readonly min: number; readonly max: number };
  readonly api_url: string;
  readonly peer_address: string;
  readonly pid: number;
  readonly started: number;
  readonly engine: { readonly kind: string; readonly identity: string; readonly where: string };
  readonly health: {
    readonly at: number;
    readonly store_ms: number | null;
    readonly lag_ms: number | null;
    readonly clock_offset_ms: number | null;
    readonly problems: readonly string[];
  };
}

export interface ClusterDrain {
  readonly node: string;
  readonly since: number;
  readonly by: string;
  /** `absent` = no such member now. */
  readonly state: 'draining' | 'drained' | 'absent';
}

export interface ClusterStoreMember {
  readonly endpoint: string;
  readonly reachable: boolean;
  readonly error: string;
  readonly leader: boolean;
  readonly version: string;
  readonly db_bytes: number;
  readonly quota_bytes: number;
  readonly alarms: readonly string[];
  readonly answer_ms: number;
}

export interface ClusterStore {
  readonly status: 'ok' | 'degraded' | 'read_only' | 'unavailable';
  readonly revision: number;
  readonly write_ms: number;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly endpoint: string }[];
  readonly members: readonly ClusterStoreMember[];
}

export interface Cluster {
  readonly cluster_id: string;
  /** Null = nobody leads at the moment. */
  readonly leader: { readonly name: string; readonly node_id: string; readonly term: number } | null;
  readonly members: readonly ClusterMember[];
  readonly drains: readonly ClusterDrain[];
  /** Asked for and not yet done. */
  readonly transfer: { readonly term: number; readonly to: string | null; readonly asked: number } | null;
  readonly record_format: number;
  /** The node that answered; its name is null and its store too when it is alone on an embedded store. */
  readonly served_by: {
    readonly name: string | null;
    readonly ready: boolean;
    readonly reasons: readonly string[];
    readonly store: ClusterStore | null;
  };
}

export interface LeadershipTransfer {
  /** The term that is to end. */
  readonly term: number;
  readonly from: string;
  /** Null = whoever comes first. */
  readonly to: string | null;
}
