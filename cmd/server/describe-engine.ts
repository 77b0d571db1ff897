// Which engine this node reaches, in the words of the cluster. The engine itself knows; when it does not answer while the node starts,
// what it said last time counts, so that a daemon that is down delays tasks and not the node.

import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { MemberEngine } from '../../store/model/cluster.ts';
import { AppError, errorText, isAppError } from '../../store/model/errors.ts';
import { replaceFile } from './small-file.ts';

/** A daemon that is being restarted answers within this. */
const ANSWER_MS = 10_000;
/** It need not be waited for when it is known already. */
const KNOWN_ANSWER_MS = 1_000;
const AGAIN_MS = 250;

export interface DescribeEngineOptions {
  /** What it said last time. */
  readonly file: string;
  /** A node alone need not tell its engine from anybody's. */
  readonly alone: boolean;
  readonly log: Logger;
}

/** Throws 'unavailable' when the engine does not answer and never did. */
export async function describeEngine(engine: Engine, options: DescribeEngineOptions): Promise<MemberEngine> {
  const { file, alone, log } = options;
  const about = { kind: engine.kind, where: engine.reach.where };
  const last = await lastTold(file, about);
  try {
    const identity = await ask(engine, alone ? 0 : last === null ? ANSWER_MS : KNOWN_ANSWER_MS);
    const told: MemberEngine = { ...about, identity };
    if (last !== identity) await replaceFile(file, `${JSON.stringify(told)}\n`);
    return told;
  } catch (error) {
    if (!isAppError(error, 'unavailable')) throw error;
    if (last === null && !alone) throw unknown(about, error);
    log.warn({ ...about, error: errorText(error) }, 'the engine does not answer yet');
    return { ...about, identity: last ?? '' };
  }
}

async function ask(engine: Engine, limitMs: number): Promise<string> {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      return await engine.identity();
    } catch (error) {
      if (!isAppError(error, 'unavailable') || performance.now() > until) throw error;
    }
    await pause(AGAIN_MS);
  }
}

/** Null when nothing is known of this engine. */
async function lastTold(file: string, about: Omit<MemberEngine, 'identity'>): Promise<string | null> {
  try {
    const told: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof told !== 'object' || told === null) return null;
    const { kind, where, identity } = { kind: '', where: '', identity: '', ...told };
    return kind === about.kind && where === about.where && identity !== '' ? identity : null;
  } catch {
    // Absent or damaged: the engine will say it again.
    return null;
  }
}

function unknown({ kind, where }: Omit<MemberEngine, 'identity'>, cause: AppError): AppError {
  return new AppError(
    'unavailable',
    `scheduler.engine: ${kind} at ${where} does not answer (${cause.detail ?? cause.message}). A node of a cluster has to know which ` +
      'engine it reaches: start the engine, or correct its address.',
    { cause },
  );
}
