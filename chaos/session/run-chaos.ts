// A chaos run: a cluster, clients, faults, and the evidence of what happened.

import type { Evidence, FaultSeen } from '../checks/evidence.ts';
import { faultsNamed } from '../nemesis/all-faults.ts';
import type { Fault } from '../nemesis/fault.ts';
import { runFixed, runMix } from '../nemesis/mix.ts';
import type { ChaosOptions } from '../options.ts';
import { MIXED, forContainers, startClients } from '../workload/clients.ts';
import { faketimeLibrary } from './clocks.ts';
import { collectEvidence } from './collect.ts';
import { dockerForChaos } from './docker.ts';
import { openSession } from './session.ts';
import type { EngineKind, Session } from './session.ts';

/** Ten on one run at once would make the search for an order of their calls slow. */
const CLIENTS: Readonly<Record<EngineKind, number>> = { process: 8, docker: 4 };
/** Often enough to see that it goes on; a log of CI is read from its end. */
const PROGRESS_MS = 30_000;

export interface Telling {
  readonly say: (line: string) => void;
  readonly onFault: (fault: FaultSeen) => void;
  readonly signal: AbortSignal;
}

export async function runChaos(options: ChaosOptions, { say, onFault, signal }: Telling): Promise<Evidence> {
  const wanted = faultsNamed(options.faults);
  say(`seed ${options.seed}, engine ${options.engine}, ${options.nodes} nodes, report in ${options.report}`);
  await using docker = await dockerForChaos(options.engine, say);
  await using session = await openSession({
    ...{ seed: options.seed, nodes: options.nodes, engine: options.engine, directory: options.report },
    ...(options.executable === '' ? {} : { executable: options.executable }),
    fakeClocks: wanted.some(({ name }) => name === 'clock') && faketimeLibrary() !== null,
    keepFiles: options.keep,
    docker: docker.options,
    onStep: say,
  });
  const faults = possible(session, wanted, say);
  const clients = startClients({
    ...{
      count: CLIENTS[options.engine],
      seed: options.seed,
      pace: options.engine === 'docker' ? forContainers(MIXED) : MIXED,
    },
    client: (proc) => session.client(proc),
  });
  const progress = setInterval(() => say(progressLine(session)), PROGRESS_MS);
  try {
    const mix = { faults, onFault, signal };
    if (options.mode === 'smoke') await runFixed(session, mix);
    else await runMix(session, { ...mix, minutes: options.minutes });
    return await collectEvidence(session, clients);
  } catch (error) {
    // Said now: taking down what is broken may take long.
    say(`stopped: ${error instanceof Error ? error.message : String(error)}`);
    throw error;
  } finally {
    clearInterval(progress);
    await clients.stop().catch(() => undefined);
  }
}

/** Those that can be done here; says of the others what is missing. */
export function possible(session: Session, faults: readonly Fault[], say: (line: string) => void): readonly Fault[] {
  return faults.filter((fault) => {
    const missing = fault.missing(session);
    if (missing !== null) say(`left out: ${fault.name} (${missing})`);
    return missing === null;
  });
}

function progressLine({ recorder, witness, terms, faults }: Session): string {
  const leader = terms.now();
  return `${recorder.operations.length} calls, ${witness.marks.length} marks of bodies, ${faults.length} faults, ${
    leader === null ? 'nobody leads' : `${leader.name} leads in term ${leader.term}`
  }`;
}
