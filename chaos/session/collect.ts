// The end of every chaos run: heal, wait, final read. What was gathered is all that the checks get.

import type { Evidence } from '../checks/evidence.ts';
import { allOver, readFinalState } from '../history/final-read.ts';
import type { Clients } from '../workload/clients.ts';
import { becomeWell } from './health.ts';
import type { EngineKind, Session } from './session.ts';

/** For runs that are still open when the clients have stopped, on a machine that is busy. */
const OVER_LIMIT_MS: Readonly<Record<EngineKind, number>> = { process: 90_000, docker: 240_000 };

/** What is promised; a machine with more to do than it can keeps to these too. */
export const BOUNDS: Readonly<Record<EngineKind, Evidence['bounds']>> = {
  process: { effectMs: 1_500, cancelMs: 3_000, observerMs: 300, callsMin: 5 },
  // A daemon takes its time to stop what it has begun to start.
  docker: { effectMs: 1_500, cancelMs: 5_000, observerMs: 300, callsMin: 1 },
};

export async function collectEvidence(session: Session, clients: Clients): Promise<Evidence> {
  const { cluster, links, recorder, witness, terms, follower, faults, api } = session;
  const say = session.options.onStep;
  say('healing');
  await links.heal();
  await becomeWell(session);
  await clients.stop();
  const pipelines = session.pipelines.map(({ id }) => id);
  say('all is well; waiting for all runs to end');
  const open = await allOver({ api, pipelines }, OVER_LIMIT_MS[session.options.engine]);
  await witness.catchUp();
  say(`${open === 0 ? 'all runs are over' : `${open} runs are still open`}; reading everything`);
  const { operations } = recorder;
  const final = await readFinalState({ nodes: cluster.nodes, pipelines, operations });
  say('everything was read; taking the cluster down');
  return {
    ...{ operations, bodies: witness.marks, terms: terms.terms(), runs: final.runs, objects: final.objects },
    events: [...final.events, { reader: follower.reader, whole: true, events: follower.events }],
    ...{ faults, bounds: BOUNDS[session.options.engine] },
  };
}
