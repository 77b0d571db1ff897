// The composition root: the one place that puts adapters together. Opens the stores, chooses the engine, starts the election with
// its duties and the API, and takes all of it down again in the opposite order.

import { randomUUID } from 'node:crypto';
import { Server as TlsServer } from 'node:tls';
import type { Logger } from 'pino';
import { ensureDefaults } from '../../api/operations/defaults.ts';
import type { ApiDeps } from '../../api/operations/deps.ts';
import { createRestServer } from '../../api/rest/server.ts';
import { ELECTION_TIMINGS, startElection } from '../../cluster/election.ts';
import { createArchivingDuty } from '../../scheduler/loop/archiver.ts';
import type { LoopSettings } from '../../scheduler/loop/deps.ts';
import { createBlobSweepingDuty } from '../../scheduler/loop/blob-sweeping.ts';
import { createSchedulingDuty } from '../../scheduler/loop/leader-loop.ts';
import { createRetentionDuty } from '../../scheduler/loop/retention.ts';
import { createSweepingDuty } from '../../scheduler/loop/sweeping.ts';
import type { SweepingSettings } from '../../scheduler/loop/sweeping.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { InvariantError } from '../../store/model/errors.ts';
import { AppError } from '../../store/model/errors.ts';
import { UNPOINTED_GRACE_MS } from '../../store/objects/blob-name.ts';
import { openFilesStore } from '../../store/objects/files/files-store.ts';
import { createResolver } from '../../store/resolve.ts';
import { openSealedStore } from '../../store/secrets/sealed/sealed-store.ts';
import { openLmdbStore } from '../../store/state/lmdb/lmdb-store.ts';
import { newUuid } from '../../store/uuid.ts';
import { createSteadyClock } from './clock.ts';
import type { ServerConfig } from './config-keys.ts';
import { parseBindAddress } from './config.ts';
import type { BindAddress } from './config.ts';
import { createLiveTasks } from './live-tasks.ts';
import { openEngine } from './open-engine.ts';
import { prepareDataDirectory } from './paths.ts';
import { readCertificate } from './certificate.ts';
import type { DataPaths } from './paths.ts';

/** All is listed again this often, in case a watch told less than happened. */
const RELIST_MS = 30_000;
/** Only crashes leave blobs that nothing points to. */
const BLOB_SWEEPING = { intervalMs: 6 * 3_600_000, graceMs: UNPOINTED_GRACE_MS } as const;

/** Left-overs come from crashes only. Each look reads the records of all bodies that the engine holds. */
const SWEEP_MS = 600_000;
/** Far longer than any record is on its way. */
const SWEEP_GRACE_MS = 300_000;

export interface NodeOptions {
  readonly config: ServerConfig;
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface RunningNode {
  /** Where the API listens, such as http://127.0.0.1:8080. */
  readonly url: string;
  readonly engine: { readonly kind: Engine['kind']; readonly why: string };
  /** Rejects when an invariant broke: the process has to end. */
  readonly failed: Promise<never>;
  /** Ends serving; bodies in flight go on and are adopted at the next start. */
  stop(): Promise<void>;
}

/** Throws AppError('invalid' or 'conflict') that says what to do. What was opened by then is closed again. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const opened = new Opened();
  try {
    return await compose(options, opened);
  } catch (error) {
    await opened.closeAll();
    throw error;
  }
}

async function compose(options: NodeOptions, opened: Opened): Promise<RunningNode> {
  const { config, paths, log, environment } = options;
  const address = parseBindAddress(config['server.bind_address']);
  refuseOpenBypass(config, address);
  prepareDataDirectory(paths);
  const now = createSteadyClock();

  const stores = await openStores(options, opened);
  const { state, objects } = stores;
  const installation = await ensureDefaults({ state, now, newId: newUuid });
  const { engine, why } = await openEngine({
    config,
    paths,
    log,
    environment,
    installationId: installation.installationId,
    now,
  });
  opened.use(() => engine.close());

  const served = { url: '' };
  const deps: ApiDeps = {
    ...stores,
    live: createLiveTasks(engine),
    settings: apiSettings(config, served),
    now,
    newId: newUuid,
  };
  const broken = createAlarm();
  const tls = readCertificate(config);
  const app = createRestServer({
    ...{ deps, tls, faults: { log, onBrokenInvariant: broken.raise } },
    closeWithinMs: config['server.shutdown_timeout'] * 1_000,
  });
  opened.use(() => app.close());
  served.url = await listen(app, address);

  const loopSettings = schedulingSettings(config, () => deps.settings.taskApiUrl());
  const election = startElection({
    state,
    nodeId: randomUUID(),
    duties: [
      createSchedulingDuty({ state, engine, resolver: createResolver(deps), settings: loopSettings, now, log }),
      createArchivingDuty({ state, objects, engine, log }),
      createRetentionDuty({ state, objects, settings: retentionSettings(config), now, log }),
      createSweepingDuty({ state, engine, settings: sweepingSettings(config, engine.kind), log }),
      createBlobSweepingDuty({ state, objects, settings: BLOB_SWEEPING, log }),
    ],
    timings: ELECTION_TIMINGS,
    monotonicMs: () => performance.now(),
    log,
  });
  opened.use(() => election.stop());
  await Promise.race([election.elected, election.failed]);
  return {
    url: served.url,
    engine: { kind: engine.kind, why },
    failed: Promise.race([election.failed, broken.raised]),
    stop: () => opened.closeAll(),
  };
}

async function openStores({ config, paths }: NodeOptions, opened: Opened) {
  const state = await openLmdbStore({ directory: paths.state });
  opened.use(() => state.close());
  const objects = await openFilesStore({ directory: paths.objects });
  opened.use(() => objects.close());
  const keySource = config['secret_store.sealed.key'];
  const secrets = await openSealedStore({
    state,
    keys:
      keySource === ''
        ? { kind: 'file', path: paths.secretKey, createIfAbsent: true }
        : { kind: 'text', text: keySource, source: 'secret_store.sealed.key' },
  });
  opened.use(() => secrets.close());
  return { state, objects, secrets };
}

/** Without tokens everybody who reaches the port is the administrator: only this machine may. */
function refuseOpenBypass(config: ServerConfig, address: BindAddress): void {
  if (!config['development.bypass_auth']) {
    throw new AppError('invalid', 'development.bypass_auth: only true is supported by this version.');
  }
  if (address.loopback) return;
  throw new AppError(
    'invalid',
    `server.bind_address: ${config['server.bind_address']} is not a loopback address, and no tokens are asked for ` +
      '(development.bypass_auth). Use 127.0.0.1 or [::1].',
  );
}

async function listen(app: ReturnType<typeof createRestServer>, { host, port }: BindAddress): Promise<string> {
  try {
    const listening = new URL(await app.listen({ host, port }));
    const scheme = app.server instanceof TlsServer ? 'https' : 'http';
    return `${scheme}://${listening.host.replace('[::1]', 'localhost')}`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new AppError(
        'conflict',
        `Port ${port} on ${host} is in use: stop what listens there, or choose another with GOFER_WEB_SERVER__BIND_ADDRESS=${host}:PORT.`,
      );
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new AppError('invalid', `server.bind_address: cannot listen on ${host}:${port} (${String(code)}).`);
    }
    throw error;
  }
}

function apiSettings(config: ServerConfig, served: { readonly url: string }): ApiDeps['settings'] {
  return {
    pipelineRunConcurrencyLimit: config['api.pipeline_run_concurrency_limit'],
    pipelineObjectLimit: config['object_store.pipeline_object_limit'],
    stopTimeoutMs: config['api.task_execution_stop_timeout'] * 1_000,
    taskApiUrl: () => config['scheduler.task_api_url'] || served.url,
    version: GOFER_VERSION,
    commit: GOFER_COMMIT,
  };
}

function schedulingSettings(config: ServerConfig, apiBaseUrl: () => string): LoopSettings {
  return {
    taskTimeoutMaxMs: config['api.task_timeout_max'] * 1_000,
    runTimeoutMaxMs: config['api.run_timeout_max'] * 1_000,
    stopGraceMs: config['api.task_execution_stop_timeout'] * 1_000,
    engineKeepsLogs: true,
    globalRunLimit: config['api.global_run_concurrency_limit'],
    pipelineRunLimit: config['api.pipeline_run_concurrency_limit'],
    apiBaseUrl: apiBaseUrl(),
    relistMs: RELIST_MS,
  };
}

function retentionSettings(config: ServerConfig) {
  return {
    runObjectsKept: config['object_store.run_object_expiry'],
    runLogsKept: config['api.task_execution_log_retention'],
    eventsKeptMs: config['api.event_log_retention'] * 1_000,
    eventPruneIntervalMs: config['api.event_prune_interval'] * 1_000,
  };
}

function sweepingSettings(config: ServerConfig, kind: Engine['kind']): SweepingSettings {
  if (kind !== 'docker') return { intervalMs: SWEEP_MS, graceMs: SWEEP_GRACE_MS };
  const intervalMs = config['scheduler.docker.prune'] ? config['scheduler.docker.prune_interval'] * 1_000 : null;
  return { intervalMs, graceMs: SWEEP_GRACE_MS };
}

/** A rejection that can be raised from anywhere, once. */
function createAlarm(): { readonly raise: (error: InvariantError) => void; readonly raised: Promise<never> } {
  let raise: (error: InvariantError) => void = () => undefined;
  const raised = new Promise<never>((_resolve, reject) => (raise = reject));
  // Whoever cares awaits it; nobody has to.
  raised.catch(() => undefined);
  return { raise: (error) => raise(error), raised };
}

/** Closes in the opposite order of opening, all of them, whatever fails. */
class Opened {
  readonly #closers: (() => Promise<void>)[] = [];

  use(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed');
  }
}
