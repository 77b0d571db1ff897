// Opens the engine that the settings ask for, and keeps the daemon free of what we have left there.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { DEFAULT_DOCKER_HOST, parseDockerHost } from '../../scheduler/engines/docker/address.ts';
import type { DockerAddress, DockerTls } from '../../scheduler/engines/docker/address.ts';
import { createDockerEngine, probeDocker } from '../../scheduler/engines/docker/engine.ts';
import type { Engine } from '../../scheduler/engines/port.ts';
import { openProcessEngine } from '../../scheduler/engines/process/process-engine.ts';
import { AppError, errorText } from '../../store/model/errors.ts';
import { chooseEngine } from './choose-engine.ts';
import type { ServerConfig } from './config-keys.ts';
import type { DataPaths } from './paths.ts';

/** How long "auto" waits for a daemon to answer before it takes host processes. */
const PROBE_MS = 1_500;
/** Enough of the installation's id to tell two of them on one daemon apart, and short in container names. */
const INSTALLATION_LENGTH = 12;

export interface OpenEngineOptions {
  readonly config: ServerConfig;
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly installationId: string;
  readonly now: () => number;
}

export interface OpenedEngine {
  readonly engine: Engine;
  readonly why: string;
}

export async function openEngine(options: OpenEngineOptions): Promise<OpenedEngine> {
  const { config, paths, log, environment, installationId, now } = options;
  const address = dockerAddress(config, environment);
  const { kind, why } = await chooseEngine(config['scheduler.engine'], () => probeDocker(address, PROBE_MS));
  if (kind === 'process') {
    return { engine: await openProcessEngine({ dataDir: paths.attempts, log, now, hostEnv: environment }), why };
  }
  // The first characters of a UUID v7 are a time: the last ones are random.
  const installation = installationId.replaceAll('-', '').slice(-INSTALLATION_LENGTH);
  const callDeadlineMs = config['scheduler.docker.timeout'] * 1_000;
  return { engine: createDockerEngine({ address, installation, now, callDeadlineMs }), why };
}

function dockerAddress(config: ServerConfig, environment: Readonly<Record<string, string | undefined>>): DockerAddress {
  const host = config['scheduler.docker.host'] || environment['DOCKER_HOST'] || DEFAULT_DOCKER_HOST;
  const folder = config['scheduler.docker.tls_dir'];
  return parseDockerHost(host, folder === '' ? null : readTls(folder));
}

function readTls(folder: string): DockerTls {
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');
  try {
    return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
  } catch (error) {
    throw new AppError(
      'invalid',
      `scheduler.docker.tls_dir: ${errorText(error)}; expected ca.pem, cert.pem and key.pem there.`,
    );
  }
}
