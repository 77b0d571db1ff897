// What is wrong with a connection to etcd and what to do about it, from the texts of gRPC, TLS, DNS and etcd: for operators.

import { errorText } from '../../model/errors.ts';

interface Known {
  readonly sign: RegExp;
  readonly sentence: string;
}

/** The first that fits is meant. */
const KNOWN: readonly Known[] = [
  {
    sign: /authentication failed, invalid user ID or password/,
    sentence: 'etcd does not know this user with this password; check state_store.etcd.user and .password',
  },
  {
    sign: /user name is empty/,
    sentence: 'etcd asks for a user; set state_store.etcd.user and .password',
  },
  {
    sign: /permission denied/,
    sentence:
      'the user may not read and write below the prefix; grant its role readwrite there (etcdctl role grant-permission --prefix)',
  },
  {
    sign: /another etcd cluster/,
    sentence: 'it belongs to another etcd cluster than the other endpoints; correct state_store.etcd.endpoints',
  },
  {
    sign: /Hostname\/IP does not match|altnames/,
    sentence:
      'the certificate of etcd is for another name than this address; use a name that it holds, or make it hold this one',
  },
  {
    sign: /certificate has expired|CERT_HAS_EXPIRED/,
    sentence: 'the certificate of etcd has expired; renew it',
  },
  {
    sign: /self.signed certificate|unable to (verify|get)|SELF_SIGNED|UNABLE_TO/,
    sentence: 'the certificate of etcd is not signed by the authority that we trust; check state_store.etcd.ca_path',
  },
  {
    sign: /bad certificate|certificate required|certificate unknown|unknown ca|decrypt error/,
    sentence: 'etcd refuses our certificate; check state_store.etcd.cert_path and .key_path',
  },
  {
    sign: /wrong version number|packet length too long|http request|EPROTO|before secure TLS/,
    sentence: 'nothing encrypted answers there; write http:// instead of https://, or give etcd certificates',
  },
  {
    sign: /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    sentence: 'the name is not known; check its spelling and the DNS',
  },
  {
    sign: /ECONNREFUSED/,
    sentence: 'nothing listens there; check address and port, and that etcd runs',
  },
  {
    sign: /EHOSTUNREACH|ENETUNREACH/,
    sentence: 'there is no way to this address; check the network',
  },
  {
    sign: /Deadline exceeded|DEADLINE_EXCEEDED/i,
    sentence: 'it does not answer in time; check the network and whether etcd hangs',
  },
  {
    sign: /ECONNRESET|socket hang up|Connection dropped|Failed to connect|Protocol error/i,
    sentence:
      'the connection is cut as soon as it stands; etcd may want an encrypted one: write https:// and set state_store.etcd.ca_path',
  },
  {
    sign: /no leader/,
    sentence: 'its members have no leader: more than half of them have to run and reach each other',
  },
];

/** A sentence, then in brackets what the libraries said. */
export function explainFault(error: unknown): string {
  const text = errorText(error).replace(/\s+/g, ' ').trim();
  const known = KNOWN.find(({ sign }) => sign.test(text));
  return known === undefined ? text : `${known.sentence} (${text.slice(0, TEXT_MAX)})`;
}

const TEXT_MAX = 300;
