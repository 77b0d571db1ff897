// `npm start`: one node with embedded defaults, and a first pipeline run on it by the very commands that a user would type.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AppError, errorText } from '../../store/model/errors.ts';
import { loadConfig } from './config.ts';
import { startNode } from './node.ts';
import { dataPaths } from './paths.ts';
import { announce, createServerLog, runUntilStopped } from './service.ts';

const USAGE = 2;
const PIPELINE = 'nightly-report';
/** Only for the demonstration; a real one is never written down. */
const DEMO_SECRET = 'correct horse battery staple';

const DEMO_HELP = `Usage: npm start -- [options]        (or: gofer demo [options])

Starts one node on this machine, registers an example pipeline, runs it and shows its log; then keeps serving.

Options:
  --once             stop after the first run: exit status 0 when it was successful, else 1
  --bind <ip:port>   where the API listens (default 127.0.0.1:8080)
  --data-dir <dir>   directory of the data (default: .gofer in the current folder)
  --engine <name>    process (default), docker or auto
  -h, --help         this text
`;

/** Resolves with the exit status. */
export async function demo(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === null) return USAGE;
  if (options.help === true) {
    process.stdout.write(DEMO_HELP);
    return 0;
  }
  try {
    const { config } = loadConfig({
      environment: process.env,
      overrides: {
        'server.bind_address': options.bind ?? process.env['GOFER_WEB_SERVER__BIND_ADDRESS'] ?? '127.0.0.1:8080',
        'server.data_dir': options['data-dir'] ?? process.env['GOFER_WEB_SERVER__DATA_DIR'] ?? path.resolve('.gofer'),
        'scheduler.engine': options.engine ?? process.env['GOFER_WEB_SCHEDULER__ENGINE'] ?? 'process',
      },
    });
    const log = createServerLog(config);
    const node = await startNode({ config, paths: dataPaths(config, process.env), log, environment: process.env });
    announce(log, node, config);
    const status = await showFirstRun(node.url);
    if (options.once === true || status !== 0) {
      await node.stop();
      return status === 0 ? 0 : 1;
    }
    sayNextSteps(node.url);
    return await runUntilStopped(node, log);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    process.stderr.write(`gofer: ${error.message}\n`);
    return 1;
  }
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean' },
        bind: { type: 'string' },
        'data-dir': { type: 'string' },
        engine: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`gofer: ${errorText(error)}\nSee: gofer demo --help\n`);
    return null;
  }
}

/** The folder of the sources: the bundle lies in dist/ below it. */
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

async function showFirstRun(url: string): Promise<number> {
  const steps: readonly (readonly string[])[] = [
    ['up', path.join('sdk', 'examples', PIPELINE)],
    ['secret', 'pipeline', 'put', PIPELINE, 'mail-password', '@', '--force'],
    ['run', 'start', PIPELINE, '--follow'],
  ];
  for (const step of steps) {
    process.stdout.write(`\n$ gofer ${step.join(' ')}\n`);
    const status = await gofer(step, url);
    if (status !== 0) return status;
  }
  return 0;
}

/** Runs a command of ours as a user would, from the folder of the sources. */
function gofer(args: readonly string[], url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(ROOT, 'cmd', 'gofer.mjs'), ...args], {
      cwd: ROOT,
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...process.env, GOFER_API_BASE_URL: url, GOFER_NAMESPACE: 'default' },
    });
    child.stdin.end(DEMO_SECRET);
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function sayNextSteps(url: string): void {
  const address = url === 'http://127.0.0.1:8080' ? '' : `GOFER_API_BASE_URL=${url} `;
  process.stdout.write(
    `\nGofer serves at ${url}. In another terminal, try:\n\n` +
      `  ${address}npx gofer run get ${PIPELINE} 1\n` +
      `  ${address}npx gofer run start ${PIPELINE} --follow\n` +
      `  ${address}npx gofer event list --no-follow --limit 20\n\n` +
      'Ctrl-C stops the server; tasks in flight go on and are adopted at the next start.\n',
  );
}
