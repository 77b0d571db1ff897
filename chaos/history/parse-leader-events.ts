// Lines of a watch on the leader key, as etcd's HTTP gateway writes them: JSON with base64 values, and 64-bit numbers as texts.

export type LeaderNews =
  | {
      readonly what: 'began';
      readonly revision: number;
      readonly term: number;
      readonly name: string;
      readonly nodeId: string;
    }
  | { readonly what: 'ended'; readonly revision: number }
  /** Revisions before this one are not kept any more: the watch is over, and another may begin here. */
  | { readonly what: 'compacted'; readonly revision: number };

interface GatewayRecord {
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
}

interface WatchLine {
  readonly result?: {
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: 'DELETE'; readonly kv?: GatewayRecord }[];
  };
}

/** A later put of a key that exists already is no new reign. */
export function parseWatchLine(line: string): readonly LeaderNews[] {
  const { result } = JSON.parse(line) as WatchLine;
  const compacted = Number(result?.compact_revision ?? 0);
  if (compacted > 0) return [{ what: 'compacted', revision: compacted }];
  return (result?.events ?? []).flatMap(({ type, kv = {} }): readonly LeaderNews[] => {
    const revision = Number(kv.mod_revision ?? 0);
    if (type === 'DELETE') return [{ what: 'ended', revision }];
    return kv.create_revision === kv.mod_revision ? [beganOf(kv, revision)] : [];
  });
}

/** The answer to a range over the leader key: who leads now, or that nobody does. */
export function parseLeader(text: string): LeaderNews {
  const { kvs, header } = JSON.parse(text) as {
    readonly header?: { readonly revision?: string };
    readonly kvs?: readonly GatewayRecord[];
  };
  const record = kvs?.[0];
  if (record === undefined) return { what: 'ended', revision: Number(header?.revision ?? 0) };
  return beganOf(record, Number(record.mod_revision ?? 0));
}

function beganOf({ value = '', create_revision: created = '0' }: GatewayRecord, revision: number): LeaderNews {
  const claim = JSON.parse(Buffer.from(value, 'base64').toString('utf8')) as {
    readonly name?: string;
    readonly nodeId?: string;
  };
  return { what: 'began', revision, term: Number(created), name: claim.name ?? '', nodeId: claim.nodeId ?? '' };
}
