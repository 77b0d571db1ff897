// The answer of etcd's maintenance status, by its HTTP gateway.

export interface EtcdStatus {
  readonly memberId: string;
  /** '0' or '' while there is none. */
  readonly leaderId: string;
}

export function parseStatus(text: string): EtcdStatus {
  const { header, leader } = JSON.parse(text) as {
    readonly header?: { readonly member_id?: string };
    readonly leader?: string;
  };
  return { memberId: header?.member_id ?? 'none', leaderId: leader ?? '' };
}
