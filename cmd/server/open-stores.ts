// Opens the three stores that the settings ask for, and makes sure that they are the cluster's: the state store answers, objects lie
// where all nodes see them, and secrets are sealed with a key that this node holds.

import { existsSync } from 'node:fs';
import { keys } from '../../store/keys.ts';
import { AppError, errorText, isAppError } from '../../store/model/errors.ts';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import type { ObjectStore } from '../../store/objects/port.ts';
import { openSealedStore } from '../../store/secrets/sealed/sealed-store.ts';
import type { SecretStore } from '../../store/secrets/port.ts';
import type { StoreHealth } from '../../store/state/health.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { ServerConfig } from './config-keys.ts';
import type { Opened } from './opened.ts';
import type { DataPaths } from './paths.ts';
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

export interface OpenedState {
  readonly state: StateStore;
  /** Null for the embedded store: it is well, or this process is not. */
  readonly health: () => StoreHealth | null;
}

/** Resolves once the store has answered. Throws 'unavailable' that says what to check. */
export async function openState({ paths, cluster, opened }: Omit<OpenStoresOptions, 'config'>): Promise<OpenedState> {
  if (cluster === null) {
    const { openLmdbStore } = await import('../../store/state/lmdb/lmdb-store.ts');
    const state = await openLmdbStore({ directory: paths.state });
    opened.use(() => state.close());
    return { state, health: () => null };
  }
  // Loaded only here: gRPC costs an embedded node a fifth of its memory.
  const { createEtcdStore } = await import('../../store/state/etcd/etcd-store.ts');
  const state = createEtcdStore(cluster.etcd);
  opened.use(() => state.close());
  await firstAnswer(state, cluster);
  return { state, health: () => state.health() };
}

async function firstAnswer(state: StateStore, { etcd }: ClusterSettings): Promise<void> {
  const until = performance.now() + FIRST_ANSWER_MS;
  for (;;) {
    try {
      await state.get(keys.meta());
      return;
    } catch (error) {
      if (performance.now() < until && isAppError(error, 'unavailable')) continue;
      throw new AppError(
        'unavailable',
        `etcd does not answer at ${etcd.endpoints.join(', ')} (${reasonOf(error)}). Check state_store.etcd.endpoints, its ` +
          'certificates and user, and that etcd runs.',
        { cause: error },
      );
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof AppError ? (error.detail ?? error.message) : errorText(error);
}

/** After the node has made sure that the store is its own: here the very first node leaves marks in it. */
export async function openObjectsAndSecrets(
  { config, paths, cluster, opened }: OpenStoresOptions,
  state: StateStore,
): Promise<Omit<Stores, 'state'>> {
  if (cluster !== null) await requireOneDirectory(state, paths.objects);
  const objects = await openFilesStore({ directory: paths.objects, shared: config['object_store.filesystem.shared'] });
  opened.use(() => objects.close());
  const secrets = await openSecrets({ config, paths, cluster }, state);
  opened.use(() => secrets.close());
  return { objects, secrets };
}

async function openSecrets(
  { config, paths, cluster }: Omit<OpenStoresOptions, 'opened'>,
  state: StateStore,
): Promise<SecretStore> {
  const text = config['secret_store.sealed.key'];
  if (text !== '') {
    return openSealedStore({ state, keys: { kind: 'text', text, source: 'secret_store.sealed.key' } });
  }
  if (cluster !== null && !existsSync(paths.secretKey) && (await state.get(keys.sealingRing())) !== null) {
    throw new AppError(
      'invalid',
      `secret_store.sealed.key_file: ${paths.secretKey} is not there, and the secrets of this cluster are sealed already. Copy the ` +
        'key file of another node to it.',
    );
  }
  return openSealedStore({ state, keys: { kind: 'file', path: paths.secretKey, createIfAbsent: true } });
}
