// The sweeping duty: lets the engine forget what a crash has left there. The archiver forgets each attempt once its log is archived;
// a death between the two, or a run that was deleted first, leaves a container or a directory that nobody would ever look at again.
//
// Nothing is taken on suspicion. What the engine holds is listed first and the records are read afterwards, so a body's record,
// which is committed before the body is submitted, cannot be missed. And a body must have been found unwanted for the whole of
// `graceMs`, by this node's own clock, before it is touched. The engine lists attempts of this installation only.

import { setTimeout as pause } from 'node:timers/promises';
import type { LeaderDuty, Leadership } from '../../cluster/leadership.ts';
import { keys } from '../../store/keys.ts';
import { errorText, invariant, isAppError } from '../../store/model/errors.ts';
import { parseAttemptId } from '../../store/model/ids.ts';
import type { AttemptId, AttemptKey } from '../../store/model/ids.ts';
import { taskRecord } from '../../store/records/run-records.ts';
import type { KeyValue, StateStore } from '../../store/state/port.ts';
import type { AttemptReport, Engine } from '../engines/port.ts';
import type { LoopLog } from './deps.ts';

export interface SweepingSettings {
  /** Between two looks at all bodies; null = the operator wants them kept. */
  readonly intervalMs: number | null;
  /** How long a body must have been unwanted. */
  readonly graceMs: number;
}

export interface SweepingDeps {
  readonly state: StateStore;
  readonly engine: Engine;
  readonly settings: SweepingSettings;
  readonly log: LoopLog;
}

/** Tombstones are small: an hour's are no burden. */
const TIDY_MS = 3_600_000;
/** After a sweep that the engine or the store did not answer, unless the next one would come sooner anyway. */
const RETRY_MS = 60_000;
/** Longest that a timer of Node can wait. */
const PAUSE_MAX_MS = 2_147_483_647;
/** Attempts whose records are read at once. */
const READS_MAX = 32;

/** closed: the record says that it has ended and that its log is archived; gone: no record names it. */
type Unwanted = 'closed' | 'gone';

export function createSweepingDuty(deps: SweepingDeps): LeaderDuty {
  return { name: 'sweeping', run: (leadership) => new Sweeping(deps, leadership).run() };
}

class Sweeping {
  readonly #deps: SweepingDeps;
  readonly #leadership: Leadership;
  /** When each unwanted attempt was found first. */
  #suspects: ReadonlyMap<AttemptId, number> = new Map();
  /** Bodies that run without a record are reported once. */
  readonly #reported = new Set<AttemptId>();

  constructor(deps: SweepingDeps, leadership: Leadership) {
    this.#deps = deps;
    this.#leadership = leadership;
  }

  async run(): Promise<void> {
    const { engine, settings } = this.#deps;
    const { intervalMs, graceMs } = settings;
    const tidying = this.#repeat('tidy', TIDY_MS, async () => {
      await engine.tidy();
      return TIDY_MS;
    });
    const sweep = async (everyMs: number) => ((await this.#sweep()) ? Math.min(graceMs, everyMs) : everyMs);
    const sweeping =
      intervalMs === null ? Promise.resolve() : this.#repeat('sweep', intervalMs, () => sweep(intervalMs));
    await Promise.all([tidying, sweeping]);
  }

  /** Does the work now and again after the time that it answers, until the term ends. */
  async #repeat(what: string, everyMs: number, work: () => Promise<number>): Promise<void> {
    const { signal } = this.#leadership;
    while (!signal.aborted) {
      let pauseMs = Math.min(RETRY_MS, everyMs);
      try {
        this.#leadership.check();
        pauseMs = await work();
      } catch (error) {
        if (isAppError(error, 'lost_leadership') || signal.aborted) return;
        if (!isAppError(error)) throw error;
        this.#deps.log.warn({ what, error: errorText(error) }, 'sweeping stopped half-way, trying again later');
      }
      await pause(Math.min(pauseMs, PAUSE_MAX_MS), undefined, { signal }).catch(() => undefined);
    }
  }

  /** True when something is unwanted and has to be looked at again. */
  async #sweep(): Promise<boolean> {
    const held = await this.#deps.engine.list();
    const suspects = new Map<AttemptId, number>();
    for (let start = 0; start < held.length; start += READS_MAX) {
      const part = held.slice(start, start + READS_MAX);
      const verdicts = await Promise.all(part.map(({ id }) => this.#judge(id)));
      for (const [index, report] of part.entries()) {
        const verdict = verdicts[index] ?? null;
        if (verdict === null) continue;
        const since = this.#suspects.get(report.id) ?? performance.now();
        if (performance.now() - since < this.#deps.settings.graceMs) suspects.set(report.id, since);
        else if (!(await this.#remove(report, verdict))) suspects.set(report.id, since);
      }
    }
    this.#suspects = suspects;
    return suspects.size > 0;
  }

  /**
   * Null: it is wanted, or its records do not say enough. The duty to archive is read last: it is written with the end of the
   * attempt and deleted once the log is archived, so its absence means nothing before the end was seen.
   */
  async #judge(id: AttemptId): Promise<Unwanted | null> {
    const { state } = this.#deps;
    const attempt = parseAttemptId(id);
    invariant('ENG-2', attempt !== null, 'an engine lists attempts only');
    const found = await state.get(keys.task(attempt));
    if (found !== null && !hasEnded(found, attempt)) return null;
    if (found === null && (await state.get(keys.run(attempt))) !== null) return null;
    if ((await state.get(keys.archive(attempt))) !== null) return null;
    return found === null ? 'gone' : 'closed';
  }

  /** False when it is still there. */
  async #remove(report: AttemptReport, verdict: Unwanted): Promise<boolean> {
    const { engine, log } = this.#deps;
    const { id } = report;
    const isRunning = report.state === 'running';
    // Without a record nobody knows what it is for: perhaps the state was restored from an old copy. People decide.
    if (isRunning && verdict === 'gone') {
      if (!this.#reported.has(id)) log.warn({ attemptId: id }, 'a body runs that no record names: left alone');
      this.#reported.add(id);
      return true;
    }
    this.#leadership.check();
    try {
      if (isRunning) await engine.stop(id, { graceMs: 0 });
      else await engine.forget(id);
    } catch (error) {
      // It began to run just now.
      if (!isAppError(error, 'conflict')) throw error;
      return false;
    }
    log.info({ attemptId: id, verdict, state: report.state }, isRunning ? 'left-over body stopped' : 'left-over swept');
    return !isRunning;
  }
}

/** Whether this attempt of the task is over, whatever became of later ones. A record that cannot be read says nothing. */
function hasEnded({ value }: KeyValue, { attempt }: AttemptKey): boolean {
  try {
    return taskRecord.decode(value).past.some((past) => past.attempt === attempt);
  } catch (error) {
    if (!isAppError(error, 'internal')) throw error;
    return false;
  }
}
