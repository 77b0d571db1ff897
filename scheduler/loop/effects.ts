// What the leader does outside the store: look attempts up, submit them, stop them. Each effect follows a committed intent, is
// idempotent by the attempt's id, and is preceded by a check that this node still leads. A failed effect is tried again later; it
// never decides an attempt's fate.

import type { TaskSpec } from '../../store/model/config.ts';
import { AppError, errorText, invariant, isAppError } from '../../store/model/errors.ts';
import { attemptId, parseAttemptId, runKeyText } from '../../store/model/ids.ts';
import type { AttemptId, TaskId } from '../../store/model/ids.ts';
import { taskVariables } from '../../store/model/variables.ts';
import type { Leadership } from '../../cluster/leadership.ts';
import type { AttemptReport, AttemptSpec } from '../engines/port.ts';
import type { Action } from '../plan/action.ts';
import { attend, idleHold, observe } from '../plan/run-view.ts';
import type { Hold, Observation, RunView } from '../plan/run-view.ts';
import type { LoopDeps } from './deps.ts';
import type { World } from './world.ts';

/** Submissions under way at once: enough to hide an engine's latency, few enough not to flood it. */
const SUBMITS_MAX = 64;
/** Ids in one look-up. */
const LOOK_UPS_MAX = 200;
/** Look-ups under way at once: a new leader asks about everything that is unfinished. */
const LOOK_UP_CALLS_MAX = 4;
/** Waits after a failed effect, doubled each time. */
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 15_000;

export interface Effects {
  /** Carries the actions of a committed plan out. Returns at once. */
  perform(view: RunView, actions: readonly Action[]): void;
  /** What an engine told by itself. */
  report(report: AttemptReport): void;
  /** The engine may have told less than happened: everything open is looked up again. */
  lookAgain(): void;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
}

interface Job {
  readonly view: RunView;
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly id: AttemptId;
}

interface EffectsOptions {
  readonly deps: LoopDeps;
  readonly world: World;
  readonly leadership: Leadership;
  readonly wake: () => void;
}

export function createEffects(options: EffectsOptions): Effects {
  return new TermEffects(options);
}

class TermEffects implements Effects {
  readonly #options: EffectsOptions;
  readonly #submits: Job[] = [];
  readonly #lookUps: Job[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #failures = new Map<AttemptId, number>();
  /** What was put off, until its time comes. */
  readonly #later = new Map<AttemptId, NodeJS.Timeout>();
  #submitting = 0;
  #lookingUp = 0;
  #isPumpDue = false;

  constructor(options: EffectsOptions) {
    this.#options = options;
  }

  perform(view: RunView, actions: readonly Action[]): void {
    for (const action of actions) {
      const job = jobOf(view, action);
      if (job !== null) this.#begin(job, action);
    }
    this.#pumpSoon();
  }

  report(report: AttemptReport): void {
    const key = parseAttemptId(report.id);
    const view = key === null ? undefined : this.#options.world.views.get(runKeyText(key));
    if (key === null || view === undefined) return;
    this.#see({ view, taskId: key.taskId, attempt: key.attempt, id: report.id }, report);
  }

  lookAgain(): void {
    const { world, wake } = this.#options;
    for (const [name, view] of world.views) {
      forgetSightings(view);
      world.dirty.add(name);
    }
    wake();
  }

  async settled(): Promise<void> {
    this.#submits.length = 0;
    this.#lookUps.length = 0;
    for (const timer of this.#later.values()) clearTimeout(timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #begin(job: Job, action: Action): void {
    const { view, taskId } = job;
    if (action.type === 'start_attempt' || action.type === 'submit_again') {
      hold(job, { submit: 'busy' });
      // What was seen before says nothing any more: an attempt that was unknown may be a body in a moment.
      view.seen.delete(taskId);
      this.#submits.push(job);
    } else if (action.type === 'look_up') {
      hold(job, { submit: 'busy' });
      this.#lookUps.push(job);
    } else {
      hold(job, { stop: 'busy' });
      this.#track(this.#stop(job, graceOf(action)));
    }
  }

  /** After all slices of a commit were performed: look-ups go together then. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#submitting < SUBMITS_MAX) {
      const job = this.#submits.shift();
      if (job === undefined) break;
      this.#submitting += 1;
      this.#track(this.#submit(job));
    }
    while (this.#lookUps.length > 0 && this.#lookingUp < LOOK_UP_CALLS_MAX) {
      this.#lookingUp += 1;
      this.#track(this.#lookUp(this.#lookUps.splice(0, LOOK_UPS_MAX)));
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (isAppError(error, 'lost_leadership')) return;
        this.#options.deps.log.error({ error: errorText(error) }, 'effect failed');
      })
      .finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  #see(job: Job, what: Observation): void {
    const { view, taskId } = job;
    // A stop that was told while there was no body yet may have met none: it is told again when the body is there.
    const begins = what.state === 'running' && view.seen.get(taskId)?.state === 'pending';
    if (begins && view.holds.get(taskId)?.stop === 'done') hold(job, { stop: 'idle' });
    observe(job.view, job.taskId, { attempt: job.attempt, what });
    this.#touch(job);
  }

  #touch(job: Job): void {
    attend(job.view, job.taskId);
    this.#options.world.dirty.add(runKeyText(job.view.run));
    this.#options.wake();
  }

  /** Not now: the task shows why, and the effect is tried again after a growing wait. */
  #postpone(job: Job, change: Partial<Hold>, error: unknown): void {
    if (isAppError(error, 'lost_leadership')) return;
    const { deps } = this.#options;
    const { id } = job;
    const tries = (this.#failures.get(id) ?? 0) + 1;
    this.#failures.set(id, tries);
    const delayMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(tries - 1, 16), RETRY_MAX_MS);
    hold(job, { ...change, isPutOff: true, why: error instanceof AppError ? error.message : 'the engine call failed' });
    this.#tryLater(job, delayMs);
    deps.log.warn({ attemptId: id, error: errorText(error), tries }, 'engine call failed, trying again later');
    this.#touch(job);
  }

  /** By a timer and not by an instant: wall clocks jump. */
  #tryLater(job: Job, delayMs: number): void {
    clearTimeout(this.#later.get(job.id));
    const timer = setTimeout(() => {
      this.#later.delete(job.id);
      const { view, taskId, attempt } = job;
      // The task may be at another attempt by now, or over.
      if (this.#options.world.views.get(runKeyText(view.run)) !== view) return;
      if (view.holds.get(taskId)?.attempt !== attempt) return;
      hold(job, { isPutOff: false });
      this.#touch(job);
    }, delayMs);
    this.#later.set(job.id, timer.unref());
  }

  #done(job: Job, change: Partial<Hold>): void {
    this.#failures.delete(job.id);
    clearTimeout(this.#later.get(job.id));
    this.#later.delete(job.id);
    hold(job, { ...change, isPutOff: false, why: '' });
  }

  async #submit(job: Job): Promise<void> {
    const { deps, leadership } = this.#options;
    try {
      const spec = await this.#attemptSpec(job);
      if (spec === null) return;
      leadership.check();
      const report = await deps.engine.submit(spec, { signal: leadership.signal });
      const isStopping = job.view.holds.get(job.taskId)?.stop === 'busy';
      // A stop that was told before may have met no body yet: it is told again.
      this.#done(job, { submit: 'done', stop: isStopping ? 'busy' : 'idle' });
      this.#see(job, report);
    } catch (error) {
      // The outcome is unknown: the next step is to ask, not to guess.
      job.view.seen.delete(job.taskId);
      this.#postpone(job, { submit: 'idle' }, error);
    } finally {
      this.#submitting -= 1;
      this.#pump();
    }
  }

  /** Null when the attempt has ended here: a placeholder has no value. */
  async #attemptSpec(job: Job): Promise<AttemptSpec | null> {
    const { deps } = this.#options;
    const spec = job.view.graph.specs.get(job.taskId);
    invariant('RUN-5', spec !== undefined, 'a task that is submitted is in the config');
    const variables = taskVariables({ run: job.view.run, task: spec, apiBaseUrl: deps.settings.apiBaseUrl });
    const resolved = await deps.resolver.resolve(job.view.run, variables);
    if (resolved.ok) return attemptSpec(job, spec, resolved.env);
    this.#done(job, { submit: 'done' });
    this.#see(job, { state: 'unresolved', why: resolved.problem });
    return null;
  }

  async #lookUp(jobs: readonly Job[]): Promise<void> {
    const { deps, leadership } = this.#options;
    try {
      leadership.check();
      const stopped = new Set(jobs.filter((job) => stopOf(job) === 'done'));
      const seen = jobs.map(seenOf);
      const reports = await deps.engine.lookup(
        jobs.map(({ id }) => id),
        { fence: true },
      );
      for (const [index, job] of jobs.entries()) {
        const report = reports[index];
        invariant('ENG-1', report?.id === job.id, 'a look-up answers in the order in which it was asked');
        if (report.state === 'unclear') {
          this.#postpone(job, { submit: 'idle' }, new AppError('unavailable', report.why));
          continue;
        }
        if (report.state === 'unknown') this.#done(job, { submit: 'idle' });
        // What lives has not heard of the stop, or has not obeyed yet: it is told again.
        else this.#done(job, { submit: 'done', ...(stopped.has(job) ? { stop: 'idle' } : {}) });
        // Asked before it was stopped, or before the engine told more by itself: that nothing had started then says nothing now.
        const isOutdated = (stopOf(job) === 'done' && !stopped.has(job)) || seenOf(job) !== seen[index];
        if (report.state === 'unknown' && isOutdated) this.#touch(job);
        else this.#see(job, report);
      }
    } catch (error) {
      for (const job of jobs) this.#postpone(job, { submit: 'idle' }, error);
    } finally {
      this.#lookingUp -= 1;
      this.#pump();
    }
  }

  async #stop(job: Job, graceMs: number): Promise<void> {
    const { deps, leadership } = this.#options;
    try {
      leadership.check();
      await deps.engine.stop(job.id, { graceMs });
      const isUnknown = job.view.seen.get(job.taskId)?.state === 'unknown';
      // It may have been started since it was asked about: it is asked about once more.
      if (isUnknown) job.view.seen.delete(job.taskId);
      this.#done(job, { stop: 'done', ...(isUnknown ? { submit: 'idle' } : {}) });
      this.#touch(job);
    } catch (error) {
      this.#postpone(job, { stop: 'idle' }, error);
    }
  }
}

function hold(job: Job, change: Partial<Hold>): void {
  const { view, taskId, attempt } = job;
  const before = view.holds.get(taskId);
  view.holds.set(taskId, { ...(before?.attempt === attempt ? before : idleHold(attempt)), ...change });
}

function stopOf({ view, taskId, attempt }: Job): Hold['stop'] {
  const held = view.holds.get(taskId);
  return held?.attempt === attempt ? held.stop : 'idle';
}

function seenOf({ view, taskId }: Job): Observation | undefined {
  return view.seen.get(taskId);
}

function graceOf(action: Action): number {
  if (action.type === 'stop_attempt') return action.task.stop?.graceMs ?? 0;
  return action.type === 'stop_again' ? action.graceMs : 0;
}

/** All but ends is asked for again; effects that are under way are left alone. */
function forgetSightings(view: RunView): void {
  for (const [taskId, seen] of view.seen) {
    if (seen.state !== 'ended' && seen.state !== 'unresolved') view.seen.delete(taskId);
  }
  for (const [taskId, held] of view.holds) {
    if (held.submit === 'done') view.holds.set(taskId, { ...held, submit: 'idle' });
  }
  view.attention = 'all';
}

function jobOf(view: RunView, action: Action): Job | null {
  switch (action.type) {
    case 'start_attempt':
    case 'stop_attempt':
      return aboutAttempt(view, action.task);
    case 'look_up':
    case 'submit_again':
    case 'stop_again':
      return aboutAttempt(view, action);
    case 'queue_run':
    case 'start_run':
    case 'cancel_run':
    case 'time_out_run':
    case 'finish_run':
    case 'settle_ask':
    case 'confirm_running':
    case 'note_delay':
    case 'retry_later':
    case 'correct_time':
    case 'complete_task':
      return null;
  }
}

function aboutAttempt(view: RunView, about: { readonly taskId: TaskId; readonly attempt: number }): Job {
  const { namespaceId, pipelineId, runId } = view.run;
  const { taskId, attempt } = about;
  return { view, taskId, attempt, id: attemptId({ namespaceId, pipelineId, runId, taskId }, attempt) };
}

function attemptSpec(job: Job, spec: TaskSpec, env: Readonly<Record<string, string>>): AttemptSpec {
  const { image, entrypoint, command, registryAuth, resources } = spec;
  const pull = spec.alwaysPullNewestImage ? 'always' : 'missing';
  return { id: job.id, image, entrypoint, command, env, registryAuth, pull, resources };
}
