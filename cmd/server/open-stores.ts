// Opens the three stores that the settings ask for, and makes sure that they are the cluster's: the state store answers, objects lie
// where all nodes see them, and secrets are sealed with a key that this node holds.

import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { openKeyFile } from '../../store/secrets/sealed/key-file.ts';
import { findKeyAnew, fixedKeyRing } from '../../store/secrets/sealed/key-ring.ts';
import type { KeyRing } from '../../store/secrets/sealed/key-ring.ts';
import { createSealedStore } from '../../store/secrets/sealed/sealed-store.ts';
import { readAgreedKey } from '../../store/secrets/sealed/sealing-ring.ts';
import type { SecretStore } from '../../store/secrets/port.ts';
import type { StoreHealth } from '../../store/state/health.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { ServerConfig } from './config-keys.ts';
import type { Opened } from './opened.ts';
import type { DataPaths } from './paths.ts';
import { patiently } from './patient-start.ts';
import { requireOneDirectory } from './shared-directory.ts';

/** A store that is being restarted, or elects, answers within this; a wrong address does not. */
const FIRST_ANSWER_MS = 10_000;

export interface Stores {
  readonly state: StateStore;
  readonly objects: ObjectStore;
  readonly secrets: SecretStore;
}

export interface OpenStoresOptions {
  readonly config: ServerConfig;
  readonly paths: DataPaths;
  /** Null = embedded. */
  readonly cluster: ClusterSettings | null;
  readonly opened: Opened;
}

export interface OpenStateOptions extends Omit<OpenStoresOptions, 'config'> {
  readonly log: Logger;
}

export interface OpenedState {
  readonly state: StateStore;
  /** Null for the embedded store: it is well, or this process is not. */
  readonly health: () => StoreHealth | null;
}

/** Resolves once the store has answered. Throws 'unavailable' that says what to check. */
export async function openState({ paths, cluster, opened, log }: OpenStateOptions): Promise<OpenedState> {
  if (cluster === null) {
    const { openLmdbStore } = await import('../../store/state/lmdb/lmdb-store.ts');
    const state = await openLmdbStore({ directory: paths.state });
    opened.use(() => state.close());
    return { state, health: () => null };
  }
  // Loaded only here: gRPC and its client cost 25 MiB.
  const [{ createEtcdStore }, { checkEtcd }] = await Promise.all([
    import('../../store/state/etcd/etcd-store.ts'),
    import('../../store/state/etcd/etcd-check.ts'),
  ]);
  const state = createEtcdStore({ ...cluster.etcd, onHealth: (health) => logHealth(log, health) });
  opened.use(() => state.close());
  await checkEtcd(state, { waitMs: FIRST_ANSWER_MS });
  return { state, health: () => state.health() };
}

function logHealth(log: Logger, { status, problems }: StoreHealth): void {
  const fields = { status, problems: problems.map(({ message }) => message) };
  if (status === 'ok') log.info(fields, 'state store is well');
  else log.warn(fields, 'state store has a problem');
}

/** After the node has made sure that the store is its own: here the very first node leaves marks in it. */
export async function openObjectsAndSecrets(
  { config, paths, cluster, opened }: OpenStoresOptions,
  state: StateStore,
): Promise<Omit<Stores, 'state'>> {
  if (cluster !== null) await patiently(() => requireOneDirectory(state, paths.objects));
  const objects = await openFilesStore({ directory: paths.objects, shared: config['object_store.filesystem.shared'] });
  opened.use(() => objects.close());
  const secrets = await openSecrets({ config, paths, cluster }, state);
  opened.use(() => secrets.close());
  return { objects, secrets };
}

async function openSecrets(options: Omit<OpenStoresOptions, 'opened'>, state: StateStore): Promise<SecretStore> {
  const ring = await openKeyRing(options, state);
  if (options.cluster !== null) await patiently(() => requireAgreedKey(state, ring, options));
  return createSealedStore({ state, ring });
}

async function openKeyRing(
  { config, paths, cluster }: Omit<OpenStoresOptions, 'opened'>,
  state: StateStore,
): Promise<KeyRing> {
  const text = config['secret_store.sealed.key'];
  if (text !== '') return fixedKeyRing(text, 'secret_store.sealed.key');
  if (
    cluster !== null &&
    !existsSync(paths.secretKey) &&
    (await patiently(() => state.get(keys.sealingRing()))) !== null
  ) {
    throw new AppError(
      'invalid',
      `secret_store.sealed.key_file: ${paths.secretKey} is not there, and the secrets of this cluster are sealed already. Copy the ` +
        'key file of another node to it.',
    );
  }
  return openKeyFile({ path: paths.secretKey, createIfAbsent: true });
}

/** Agreed on at once, not with the first secret: a node with a key of its own is found out before anybody relies on it. */
async function requireAgreedKey(
  state: StateStore,
  ring: KeyRing,
  { config, paths }: Pick<OpenStoresOptions, 'config' | 'paths'>,
): Promise<void> {
  const agreed = await readAgreedKey(state, ring);
  if ((await findKeyAnew(ring, agreed.keyId)) !== null) return;
  const where = config['secret_store.sealed.key'] === '' ? `.key_file: ${paths.secretKey}` : '.key: the key';
  throw new AppError(
    'invalid',
    `secret_store.sealed${where} is not the one that the secrets of this cluster are sealed with (${agreed.keyId.slice(0, 8)}…). Give ` +
      'this node the keys of another node.',
  );
}
