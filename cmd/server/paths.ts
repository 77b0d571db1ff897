// Where the embedded stores lie, and whether they can be written to: found out before anything is opened.

import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { AppError, errorText } from '../../store/model/errors.ts';
import type { ServerConfig } from './config-keys.ts';

export interface DataPaths {
  readonly data: string;
  readonly state: string;
  readonly objects: string;
  readonly attempts: string;
  readonly secretKey: string;
  /** What this node remembers of its cluster. */
  readonly memory: string;
  /** What its engine said of itself. */
  readonly engine: string;
}

export function dataPaths(config: ServerConfig, environment: Readonly<Record<string, string | undefined>>): DataPaths {
  const base = environment['XDG_DATA_HOME'] ?? path.join(homedir(), '.local', 'share');
  const data = path.resolve(config['server.data_dir'] || path.join(base, 'gofer'));
  return {
    data,
    state: path.resolve(config['server.storage_path'] || path.join(data, 'state')),
    objects: path.resolve(config['object_store.filesystem.path'] || path.join(data, 'objects')),
    attempts: path.resolve(config['scheduler.process.directory'] || path.join(data, 'attempts')),
    secretKey: path.resolve(config['secret_store.sealed.key_file'] || path.join(data, 'secret.key')),
    memory: path.join(data, 'cluster.json'),
    engine: path.join(data, 'engine.json'),
  };
}

/** Makes the data directory, for its owner only. Throws AppError('invalid') that says what to do. */
export function prepareDataDirectory({ data }: DataPaths): void {
  try {
    makeDirectory(data);
    accessSync(data, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new AppError(
      'invalid',
      `The data directory ${data} cannot be used (${errorText(error)}): choose another with GOFER_WEB_SERVER__DATA_DIR.`,
    );
  }
}

/** As mkdir -p. Node's own never returns where nothing can be made, such as in /proc. */
function makeDirectory(directory: string): void {
  if (!existsSync(path.dirname(directory))) makeDirectory(path.dirname(directory));
  if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
  else if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
}
