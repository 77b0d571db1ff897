// The composition root: the one place that puts adapters together. Opens the stores, chooses the engine, listens, joins the cluster
// with its duties, and takes all of it down again in the opposite order.

import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import { ensureDefaults } from '../../api/operations/defaults.ts';
import type { ApiDeps } from '../../api/operations/deps.ts';
import { createRestServer } from '../../api/rest/server.ts';
import { createClusterClock } from '../../cluster/cluster-clock.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import { newUuid } from '../../store/uuid.ts';
import { STARTS_BYTES_MAX } from '../../cluster/peers/timings.ts';
import { createStartDesk } from '../../api/operations/start-desk.ts';
import { openCallers } from './callers.ts';
import { readCertificate } from './certificate.ts';
import { tellClusterNews } from './cluster-news.ts';
import { readClusterSettings } from './cluster-settings.ts';
import type { ServerConfig } from './config-keys.ts';
import { parseBindAddress } from './config.ts';
import { describeEngine } from './describe-engine.ts';
import { enterCluster } from './enter-cluster.ts';
import { createLifecycle } from './lifecycle.ts';
import type { Lifecycle } from './lifecycle.ts';
import { listen, refuseOpenBypass } from './listen.ts';
import { createLocalMemory, createNoMemory } from './local-memory.ts';
import { openNodePeers } from './node-peers.ts';
import { apiSettings } from './node-settings.ts';
import { openEngine } from './open-engine.ts';
import { openObjectsAndSecrets, openState } from './open-stores.ts';
import { Opened, createAlarm } from './opened.ts';
import { requireOwnCluster } from './own-cluster.ts';
import { patiently } from './patient-start.ts';
import { prepareDataDirectory } from './paths.ts';
import type { DataPaths } from './paths.ts';

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
  /** Its name among the nodes of the cluster; null = it is alone on its embedded store. */
  readonly memberName: string | null;
  /** Rejects when an invariant broke: the process has to end. */
  readonly failed: Promise<never>;
  /** Ends serving; bodies in flight go on and are adopted by the next leader. */
  stop(): Promise<void>;
}

/**
 * V8 lets the heap grow to a multiple of what is alive before it collects, which a leader under load shows as 250 MiB where 150 do. Smaller
 * steps cost no throughput that could be measured (npm run bench -- cluster).
 */
const SMALL_STEPS = '--heap-growing-percent=30';

/** Name of a node that has nobody to be told apart from. */
const ALONE = 'alone';

/** Throws AppError('invalid', 'conflict' or 'unavailable') that says what to do. What was opened by then is closed again. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  setFlagsFromString(SMALL_STEPS);
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
  const cluster = readClusterSettings(config);
  const tls = readCertificate(config);
  prepareDataDirectory(paths);
  const clock = createClusterClock({ alone: cluster === null });
  const { now } = clock;
  const memory = cluster === null ? createNoMemory() : createLocalMemory(paths.memory);

  const { state, health } = await openState({ paths, cluster, opened, log });
  await patiently(() => requireOwnCluster(state, memory));
  const { installationId } = await patiently(() => ensureDefaults({ state, now, newId: newUuid }));
  const blobs = await openObjectsAndSecrets({ config, paths, cluster, opened }, state);
  const chosen = await openEngine({ config, paths, log, environment, installationId, now });
  opened.use(() => chosen.engine.close());

  const nodeId = randomUUID();
  const member = await describeEngine(chosen.engine, { file: paths.engine, alone: cluster === null, log });
  const starts = createStartDesk({ state, now, newId: newUuid, bytesMax: STARTS_BYTES_MAX });
  const callers = openCallers({ config, state, now, opened });
  const peers = await openNodePeers({
    ...{ cluster, nodeId, member, starts, opened, clock, log },
    clusterId: installationId,
    engine: chosen.engine,
  });

  const served = { url: '' };
  const lifecycle = createLifecycle({ drainMs: cluster === null ? 0 : config['server.drain_seconds'] * 1_000 });
  const deps: ApiDeps = {
    ...{ state, starter: starts.starter, ...blobs, ...callers.parts, now, newId: newUuid },
    live: peers.live,
    settings: apiSettings(config, served),
    node: { name: cluster?.name ?? null, readiness: lifecycle.readiness, storeHealth: health },
  };
  const broken = createAlarm();
  const app = createRestServer({
    ...{ deps, tls, faults: { log, onBrokenInvariant: broken.raise }, isStopping: lifecycle.isStopping },
    authenticate: callers.authenticate,
    closeWithinMs: config['server.shutdown_timeout'] * 1_000,
  });
  opened.use(() => app.close());
  served.url = await listen(app, address);

  const node = await enterCluster({
    ...{ config, log, state, starts, memory, clock, deps, opened, nodeId, member, peers },
    name: cluster?.name ?? ALONE,
    engine: chosen.engine,
    apiUrl: config['cluster.api_url'] || served.url,
  });
  lifecycle.started(node);
  // A node alone has nobody else who could lead: it serves once it does.
  if (cluster === null) await Promise.race([node.elected, node.failed]);
  const endNews = cluster === null ? () => undefined : tellClusterNews(node, log);
  opened.use(async () => endNews());
  return {
    url: served.url,
    engine: { kind: chosen.engine.kind, why: chosen.why },
    memberName: cluster?.name ?? null,
    failed: Promise.race([node.failed, broken.raised]),
    stop: () => stop({ lifecycle, resign: () => node.stop(), opened }),
  };
}

interface Stop {
  readonly lifecycle: Lifecycle;
  readonly resign: () => Promise<void>;
  readonly opened: Opened;
}

/** The others lead on at once, while the load balancer learns that this node goes. */
async function stop({ lifecycle, resign, opened }: Stop): Promise<void> {
  const drained = lifecycle.drain();
  const [resigned] = await Promise.allSettled([resign(), drained]);
  await opened.closeAll();
  if (resigned.status === 'rejected') throw resigned.reason;
}
