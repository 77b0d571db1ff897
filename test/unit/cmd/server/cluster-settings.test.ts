// The settings of a cluster: what is understood, and what is refused before anything is opened.

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClusterSettings } from '../../../../cmd/server/cluster-settings.ts';
import type { ServerConfig } from '../../../../cmd/server/config-keys.ts';
import { loadConfig } from '../../../../cmd/server/config.ts';

const CERTIFICATES = path.join(import.meta.dirname, '..', '..', '..', 'e2e', 'certificate');
const CERT = path.join(CERTIFICATES, 'cert.pem');
const KEY = path.join(CERTIFICATES, 'key.pem');

function settings(changed: Partial<ServerConfig> = {}) {
  const { config } = loadConfig({
    environment: {},
    overrides: {
      'state_store.engine': 'etcd',
      'cluster.name': 'n1',
      'scheduler.engine': 'docker',
      'object_store.filesystem.path': '/srv/objects',
      'object_store.filesystem.shared': true,
      ...changed,
    },
  });
  return readClusterSettings(config);
}

test('cluster settings: an embedded node has none', () => {
  expect(settings({ 'state_store.engine': 'lmdb' })).toBeNull();
});

test('cluster settings: defaults are an etcd on this machine and a listener on loopback', () => {
  expect(settings()).toMatchObject({
    etcd: { endpoints: ['http://127.0.0.1:2379'], prefix: 'gofer/' },
    name: 'n1',
    bind: '127.0.0.1:0',
    advertise: '',
    tls: null,
  });
});

test('cluster settings: endpoints are separated by commas, and a user goes with its password', () => {
  const found = settings({
    'state_store.etcd.endpoints': 'http://a:2379, http://b:2379 ,',
    'state_store.etcd.user': 'gofer',
    'state_store.etcd.password': 'secret',
  });
  expect(found?.etcd).toMatchObject({
    endpoints: ['http://a:2379', 'http://b:2379'],
    user: { name: 'gofer', password: 'secret' },
  });
});

test('cluster settings: certificates for etcd are read, those between nodes are named, so that they can be renewed', () => {
  const found = settings({
    'state_store.etcd.endpoints': 'https://a:2379',
    'state_store.etcd.ca_path': CERT,
    'state_store.etcd.cert_path': CERT,
    'state_store.etcd.key_path': KEY,
    'cluster.bind_address': '0.0.0.0:8090',
    'cluster.advertise_address': 'node1.example.com:8090',
    'cluster.tls_ca_path': CERT,
    'cluster.tls_cert_path': CERT,
    'cluster.tls_key_path': KEY,
  });
  expect(found?.etcd.tls?.cert?.toString()).toContain('BEGIN CERTIFICATE');
  expect(found).toMatchObject({
    bind: '0.0.0.0:8090',
    advertise: 'node1.example.com:8090',
    tls: { caPath: CERT, certPath: CERT, keyPath: KEY },
  });
});

describe('cluster settings: refused, with the setting and what was expected', () => {
  test.each<[Partial<ServerConfig>, string]>([
    [{ 'state_store.etcd.endpoints': '' }, 'state_store.etcd.endpoints: found ""'],
    [{ 'state_store.etcd.prefix': 'gofer' }, 'state_store.etcd.prefix: found "gofer"'],
    [{ 'state_store.etcd.prefix': '/' }, 'state_store.etcd.prefix: found "/"'],
    [{ 'state_store.etcd.prefix': 'a b/' }, 'state_store.etcd.prefix: found "a b/"'],
    [{ 'state_store.etcd.cert_path': CERT }, 'state_store.etcd.ca_path'],
    [{ 'state_store.etcd.ca_path': CERT, 'state_store.etcd.cert_path': CERT }, 'state_store.etcd.key_path'],
    [{ 'cluster.name': '-' }, 'cluster.name: found "-"'],
    [{ 'cluster.name': 'x'.repeat(64) }, 'cluster.name'],
    [{ 'cluster.bind_address': 'localhost:1' }, 'cluster.bind_address: found "localhost:1"'],
    [{ 'cluster.bind_address': '10.0.0.1:8090' }, 'cluster.bind_address: 10.0.0.1:8090 is not a loopback address'],
    [{ 'cluster.advertise_address': 'node1' }, 'cluster.advertise_address: found "node1"'],
    [{ 'cluster.advertise_address': 'node1:0' }, 'cluster.advertise_address: found "node1:0"'],
    [{ 'cluster.advertise_address': 'node1:65536' }, 'cluster.advertise_address: found "node1:65536"'],
    [{ 'cluster.tls_ca_path': CERT }, 'cluster.tls_cert_path'],
    [{ 'cluster.tls_ca_path': KEY, 'cluster.tls_cert_path': CERT, 'cluster.tls_key_path': KEY }, 'cluster.tls_ca_path'],
    [{ 'scheduler.engine': 'auto' }, 'scheduler.engine: found "auto", expected docker or process'],
    [{ 'object_store.filesystem.shared': false }, 'object_store.filesystem'],
    [{ 'object_store.filesystem.path': '' }, 'object_store.filesystem.path'],
  ])('%j', (changed, text) => {
    expect(() => settings(changed)).toThrow(text);
    expect(() => settings(changed)).toThrow(expect.objectContaining({ code: 'invalid' }) as Error);
  });
});

test('cluster settings: the password of etcd is never told', () => {
  const environment = { GOFER_WEB_STATE_STORE__ETCD__PASSWORD: 'hunter2', GOFER_WEB_STATE_STORE__ETCD__PREFIX: 'x' };
  const { config } = loadConfig({ environment, overrides: { 'state_store.engine': 'etcd' } });
  expect(() => readClusterSettings(config)).toThrow(/^(?!.*hunter2)/s);
});
