// The settings of a cluster, parsed: which etcd, and where and as whom this node meets the others. All that can be wrong with them
// is said before anything is opened.

import { hostname } from 'node:os';
import type { PeerTlsFiles } from '../../cluster/peers/options.ts';
import { AppError } from '../../store/model/errors.ts';
import type { EtcdStoreOptions } from '../../store/state/etcd/etcd-store.ts';
import { DEFAULT_LIMITS } from '../../store/state/port.ts';
import type { ServerConfig } from './config-keys.ts';
import { parseBindAddress } from './config.ts';
import { readAuthority, readKeyPair } from './pem-files.ts';

export interface ClusterSettings {
  readonly etcd: EtcdStoreOptions;
  readonly name: string;
  /** ip:port of the listener between nodes. */
  readonly bind: string;
  /** host:port as others are told it; '' = where it listens. */
  readonly advertise: string;
  /** Mutual TLS between nodes; null = plain, on loopback only. */
  readonly tls: PeerTlsFiles | null;
}

/** Longer names do not fit into a line of `gofer cluster status`. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const PREFIX = /^[A-Za-z0-9._/-]*[A-Za-z0-9._-]\/$/;
const HOST_AND_PORT = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})$/;

/** Null with the embedded store. Throws 'invalid' that names the setting. */
export function readClusterSettings(config: ServerConfig): ClusterSettings | null {
  if (config['state_store.engine'] !== 'etcd') return null;
  const bind = config['cluster.bind_address'];
  const { loopback } = parseBindAddress(bind, 'cluster.bind_address');
  const tls = readPeerTls(config);
  if (tls === null && !loopback) {
    throw new AppError(
      'invalid',
      `cluster.bind_address: ${bind} is not a loopback address, so nodes have to prove who they are: ` +
        'set cluster.tls_ca_path, cluster.tls_cert_path and cluster.tls_key_path.',
    );
  }
  requireNamedEngine(config);
  requireSharedObjects(config);
  return { etcd: readEtcd(config), name: readName(config), bind, advertise: readAdvertise(config), tls };
}

function readEtcd(config: ServerConfig): EtcdStoreOptions {
  const prefix = config['state_store.etcd.prefix'];
  if (!PREFIX.test(prefix)) {
    throw wrong(
      'state_store.etcd.prefix',
      prefix,
      'letters, digits and . _ - / with a slash at the end, such as gofer/',
    );
  }
  const tls = readEtcdTls(config);
  const user = config['state_store.etcd.user'];
  return {
    endpoints: readEndpoints(config['state_store.etcd.endpoints']),
    prefix,
    limits: { ...DEFAULT_LIMITS, bytesMax: config['state_store.etcd.request_bytes_max'] },
    ...(user === '' ? {} : { user: { name: user, password: config['state_store.etcd.password'] } }),
    ...(tls === null ? {} : { tls }),
  };
}

/** What is wrong with a single one of them, the store says. */
function readEndpoints(text: string): readonly string[] {
  const endpoints = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (endpoints.length > 0) return endpoints;
  throw wrong('state_store.etcd.endpoints', text, 'addresses such as https://10.0.0.1:2379, separated by commas');
}

/** Null = plain, or https with the authorities that the system trusts. */
function readEtcdTls(config: ServerConfig): NonNullable<EtcdStoreOptions['tls']> | null {
  const { 'state_store.etcd.cert_path': cert, 'state_store.etcd.key_path': key } = config;
  if (config['state_store.etcd.ca_path'] + cert + key === '') return null;
  const ca = Buffer.from(readAuthority(config, 'state_store.etcd.ca_path'));
  if (cert + key === '') return { ca };
  const pair = readKeyPair(config, { cert: 'state_store.etcd.cert_path', key: 'state_store.etcd.key_path' });
  return { ca, cert: Buffer.from(pair.cert), key: Buffer.from(pair.key) };
}

/** Files, not texts: they are read again when certificates are renewed. That they fit together is seen now. */
function readPeerTls(config: ServerConfig): PeerTlsFiles | null {
  const files = {
    caPath: config['cluster.tls_ca_path'],
    certPath: config['cluster.tls_cert_path'],
    keyPath: config['cluster.tls_key_path'],
  };
  if (files.caPath + files.certPath + files.keyPath === '') return null;
  readAuthority(config, 'cluster.tls_ca_path');
  readKeyPair(config, { cert: 'cluster.tls_cert_path', key: 'cluster.tls_key_path' });
  return files;
}

function readName(config: ServerConfig): string {
  const name = config['cluster.name'] || hostname();
  if (NAME.test(name)) return name;
  throw wrong('cluster.name', name, 'at most 63 letters, digits and . _ - beginning with a letter or digit');
}

function readAdvertise(config: ServerConfig): string {
  const text = config['cluster.advertise_address'];
  if (text === '') return text;
  const port = Number(HOST_AND_PORT.exec(text)?.[2] ?? Number.NaN);
  if (port >= 1 && port <= 65_535) return text;
  throw wrong('cluster.advertise_address', text, 'host:port, such as node1.example.com:8090');
}

/** What "auto" finds depends on the moment, and all nodes have to reach the same attempts. */
function requireNamedEngine(config: ServerConfig): void {
  if (config['scheduler.engine'] !== 'auto') return;
  throw wrong('scheduler.engine', 'auto', 'docker or process: the nodes of a cluster have to name the same engine');
}

/** Also for a first node: the second would find out too late that it does not see the objects of the first. */
function requireSharedObjects(config: ServerConfig): void {
  if (config['object_store.filesystem.shared'] && config['object_store.filesystem.path'] !== '') return;
  throw new AppError(
    'invalid',
    'object_store.filesystem: the nodes of a cluster (state_store.engine = "etcd") have to see the same objects. Name a directory ' +
      'that all of them share in object_store.filesystem.path, and set object_store.filesystem.shared = true.',
  );
}

function wrong(setting: string, found: string, expected: string): AppError {
  return new AppError('invalid', `${setting}: found ${JSON.stringify(found)}, expected ${expected}.`);
}
