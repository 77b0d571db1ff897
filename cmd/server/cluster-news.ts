// Tells in the node's log who leads, and what is wrong with the node or its cluster, whenever that changes.

import type { Logger } from 'pino';
import type { ClusterNode, ClusterStatus } from '../../cluster/join.ts';

/** Nobody waits for a line of a log: a look now and then costs less than being told of everything. */
const LOOK_MS = 500;

/** Until the answer is called. */
export function tellClusterNews(node: Pick<ClusterNode, 'status'>, log: Pick<Logger, 'info' | 'warn'>): () => void {
  let leader = '';
  let problems: ReadonlySet<string> = new Set();

  function look(): void {
    const status = node.status();
    const now = leaderText(status);
    if (now !== leader) tellLeader(status);
    leader = now;
    for (const problem of status.problems) {
      if (!problems.has(kindOf(problem))) log.warn({ problem }, 'problem in the cluster');
    }
    if (problems.size > 0 && status.problems.length === 0) log.info({}, 'the cluster is well again');
    problems = new Set(status.problems.map(kindOf));
  }

  function tellLeader({ leader: leads, leaderName, term, standsBack }: ClusterStatus): void {
    if (leaderName === null) return log.warn({}, 'nobody leads');
    if (leads) return log.info({ term }, 'this node leads');
    if (standsBack !== null)
      return log.info({ leader: leaderName, term, standsBack }, 'another node leads, this one stands back');
    log.info({ leader: leaderName, term }, 'another node leads');
  }

  look();
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function leaderText({ leaderName, term }: ClusterStatus): string {
  return `${leaderName ?? ''} ${term ?? ''}`;
}

/** How long something lasts is told once, not at each look. */
function kindOf(problem: string): string {
  return problem.replaceAll(/[0-9.]+/g, '#');
}
