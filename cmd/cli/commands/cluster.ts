// `gofer cluster …`: for operators. An order is only written down by the server; these commands wait until the nodes have carried it out.

import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Cluster, ClusterDrain } from '../../../sdk/client/cluster-types.ts';
import { ApiError, UnreachableError } from '../../../sdk/client/errors.ts';
import { CliError } from '../cli-error.ts';
import { done, type Context } from '../context.ts';
import { action, leaf, type Host } from '../host.ts';
import { wholeNumber } from '../parse-arguments.ts';
import { clusterView } from '../views/cluster-views.ts';

/** A hand-over takes well below a second; a node that is cut off may need a whole lease and more. */
const TIMEOUT_S = '30';
const LOOK_MS = 100;

export function defineCluster(family: Command, host: Host): void {
  leaf(family, {
    usage: 'status',
    summary: 'Show the nodes, who leads, and how the store is',
    examples: ['gofer cluster status', 'gofer cluster status --json'],
  }).action(
    action(host, async ({ client, show }) => {
      const cluster = await client.getCluster();
      show({ json: cluster, text: clusterView(cluster) });
    }),
  );
  leaf(family, {
    usage: 'transfer [node]',
    summary: 'Let another node lead, and wait until it does',
    examples: ['gofer cluster transfer          to whichever node comes first', 'gofer cluster transfer node-2'],
  })
    .option('--timeout <seconds>', 'wait at most this long', TIMEOUT_S)
    .action(action(host, transfer));
  leaf(family, {
    usage: 'drain <node>',
    summary: 'Empty a node before maintenance, and wait until it is; it stays so over its restarts',
    examples: ['gofer cluster drain node-2', 'gofer cluster drain node-2 --undo    back into service'],
  })
    .option('--undo', 'take the node into service again')
    .option('--timeout <seconds>', 'wait at most this long', TIMEOUT_S)
    .action(action(host, drain));
}

interface WaitOptions {
  readonly timeout: string;
}

interface DrainOptions extends WaitOptions {
  readonly undo?: boolean;
}

async function transfer(context: Context, to: string | undefined, { timeout }: WaitOptions): Promise<void> {
  const limitMs = wholeNumber('--timeout', timeout) * 1_000;
  const asked = performance.now();
  const order = await context.client.transferLeadership({ to: to ?? null });
  const leader = await untilCluster(context, {
    limitMs,
    what: `${order.from} still leads, or nobody`,
    look: ({ leader: now }) => (now === null || now.term === order.term ? null : now),
  });
  const tookMs = Math.round(performance.now() - asked);
  if (to !== undefined && leader.name !== to) {
    throw new CliError(`${leader.name} leads now, in term ${leader.term}: it was faster than ${to}.`, {
      hints: [`Try again: gofer cluster transfer ${to}`],
    });
  }
  context.show(
    done(
      { leader, from: order.from, took_ms: tookMs },
      `${leader.name} leads now, in term ${leader.term}; handing over from ${order.from} took ${tookMs} ms`,
    ),
  );
}

async function drain(context: Context, node: string, { undo = false, timeout }: DrainOptions): Promise<void> {
  if (undo) {
    await context.client.undrainNode({ node });
    context.show(done({ undrained: { node } }, `${node} is in service again`));
    return;
  }
  const limitMs = wholeNumber('--timeout', timeout) * 1_000;
  await context.client.drainNode({ node });
  const order = await untilCluster(context, {
    limitMs,
    what: `${node} is not empty yet`,
    look: ({ drains }) => settledDrain(drains, node),
  });
  const end =
    order.state === 'absent' ? 'it is not in the cluster at the moment' : 'it does not lead and takes no new work';
  context.show(done({ drain: order }, `${node} is drained: ${end}`));
}

/** Null while there is something to wait for. */
function settledDrain(drains: readonly ClusterDrain[], node: string): ClusterDrain | null {
  const order = drains.find((each) => each.node === node);
  if (order === undefined) throw new CliError(`Somebody took the order to drain ${node} back.`);
  return order.state === 'draining' ? null : order;
}

interface Wait<T> {
  readonly limitMs: number;
  /** For the error when it takes too long. */
  readonly what: string;
  /** Null = not yet. */
  readonly look: (cluster: Cluster) => T | null;
}

/** The server may be away for a moment just because of what was asked. */
async function untilCluster<T>({ client, signal }: Context, { limitMs, what, look }: Wait<T>): Promise<T> {
  const until = performance.now() + limitMs;
  let last: unknown = null;
  while (performance.now() < until) {
    try {
      const found = look(await client.getCluster());
      if (found !== null) return found;
      last = null;
    } catch (error) {
      if (!mayPass(error)) throw error;
      last = error;
    }
    await pause(LOOK_MS, undefined, { signal });
  }
  throw new CliError(`${what}, after ${Math.round(limitMs / 1_000)} seconds. The order stands.`, {
    hints: ['See: gofer cluster status'],
    ...(last === null ? {} : { cause: last }),
  });
}

function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof ApiError && error.status >= 500);
}
