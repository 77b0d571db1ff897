// `gofer service start`: reads the settings, runs a node until it is told to stop, and says in one line what is in the way when it
// cannot start.

import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import { AppError, errorText } from '../../store/model/errors.ts';
import type { ServerConfig } from './config-keys.ts';
import { loadConfig, parseBindAddress } from './config.ts';
import { createLog } from './log.ts';
import { startNode } from './node.ts';
import type { RunningNode } from './node.ts';
import { dataPaths } from './paths.ts';

export const SERVICE_HELP = `Usage: gofer service start [options]

Runs one node of Gofer: the API, and everything that runs pipelines. Without any settings it keeps its data in
~/.local/share/gofer and listens on 127.0.0.1:8080.

Options:
  --config <file>    settings in TOML (default: /etc/gofer/gofer_web.toml, if it is there)
  --data-dir <dir>   directory of the embedded stores
  --bind <ip:port>   where the API listens
  --engine <name>    auto, docker or process
  -h, --help         this text

Every setting can also be given in the environment: api.log_level is GOFER_WEB_API__LOG_LEVEL.

Examples:
  gofer service start
  gofer service start --data-dir /var/lib/gofer --engine docker
  GOFER_WEB_API__LOG_LEVEL=debug gofer service start
`;

/** Exit status of a command that was called wrongly. */
const USAGE = 2;
/** What a shell reports of a process that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Resolves with the exit status once the node has stopped. */
export async function serviceStart(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) return USAGE;
  if (options.help) {
    process.stdout.write(SERVICE_HELP);
    return 0;
  }
  try {
    const { config, unknown } = loadConfig({
      environment: process.env,
      overrides: options.overrides,
      ...(options.file === undefined ? {} : { file: options.file }),
    });
    const log = createServerLog(config);
    for (const key of unknown) log.warn({ key }, 'setting ignored: nothing reads it');
    const node = await startNode({ config, paths: dataPaths(config, process.env), log, environment: process.env });
    announce(log, node, config);
    return await runUntilStopped(node, log);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    process.stderr.write(`gofer: ${error.message}\n`);
    return 1;
  }
}

interface ServiceOptions {
  readonly help: boolean;
  readonly file: string | undefined;
  readonly overrides: Partial<ServerConfig>;
}

function parseOptions(args: readonly string[]): ServiceOptions | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'data-dir': { type: 'string' },
        bind: { type: 'string' },
        engine: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const overrides: Record<string, string> = {};
    if (values['data-dir'] !== undefined) overrides['server.data_dir'] = values['data-dir'];
    if (values.bind !== undefined) overrides['server.bind_address'] = values.bind;
    if (values.engine !== undefined) overrides['scheduler.engine'] = values.engine;
    return { help: values.help ?? false, file: values.config, overrides };
  } catch (error) {
    process.stderr.write(`gofer: ${errorText(error)}\nSee: gofer service start --help\n`);
    return null;
  }
}

export function createServerLog(config: ServerConfig): Logger {
  return createLog({
    level: config['api.log_level'],
    pretty: config['development.pretty_logging'],
    write: (text) => process.stderr.write(text),
    colours: process.stderr.isTTY && process.env['NO_COLOR'] === undefined,
  });
}

/** What an operator wants to know of a node that has just started. */
export function announce(log: Logger, { url, engine, memberName }: RunningNode, config: ServerConfig): void {
  log.info({ url, version: GOFER_VERSION, ...(memberName === null ? {} : { node: memberName }) }, 'serving');
  log.info({ engine: engine.kind, why: engine.why }, 'engine chosen');
  if (engine.kind === 'process') {
    log.warn(
      {},
      'the process engine runs tasks as host processes of this user: for development and trusted pipelines only',
    );
  }
  if (config['development.bypass_auth']) {
    log.warn({}, 'no tokens are asked for: everybody on this machine is the administrator');
  } else if (!config['server.use_tls'] && !parseBindAddress(config['server.bind_address']).loopback) {
    log.warn({}, 'tokens come over connections that anybody can read: set server.use_tls, or let a proxy do TLS');
  }
}

/** Until SIGINT or SIGTERM; a second one ends the process at once. Bodies in flight go on in any case. */
export async function runUntilStopped(node: RunningNode, log: Logger): Promise<number> {
  const told = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(INTERRUPTED));
        resolve(signal);
      });
    }
  });
  const signal = await Promise.race([told, node.failed]);
  const adopter = node.memberName === null ? 'at the next start' : 'by the next leader';
  log.info({ signal }, `stopping; tasks in flight go on and are adopted ${adopter}`);
  await node.stop();
  return 0;
}
