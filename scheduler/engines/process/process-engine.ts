// The embedded default: a task's body is a process of this machine, under a supervisor that outlives the server. For
// development and for pipelines that are trusted: there is no isolation but a process group and a directory.
//
// What must hold: one body for each id, decided by the claim (attempt-files.ts); every body can be found again by its id, with
// its end and its log, whenever and however the server died; no variable of the server but PATH and HOME reaches a body.

import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { AppError, errorText } from '../../../store/model/errors.ts';
import type { AttemptId, Instant } from '../../../store/model/ids.ts';
import type { AttemptReport, AttemptSpec, Engine, EngineListener } from '../port.ts';
import { openAttemptStore } from './attempt-store.ts';
import type { EndedAttempt, Finding } from './attempt-inspection.ts';
import type { AttemptStore } from './attempt-store.ts';
import { startExec } from './body-exec.ts';
import { findProgram, readBootId, readVariables } from './host-processes.ts';
import { launchText } from './launch-text.ts';
import { createLauncher } from './launcher.ts';
import type { LauncherEvents, LauncherLog } from './launcher.ts';
import { createLiveAttempts } from './live-attempts.ts';
import type { LiveAttempts } from './live-attempts.ts';
import { readLog } from './log-reader.ts';
import { readPlace } from './place.ts';
import { createStopper } from './stopper.ts';
import { launcherPreamble } from './supervisor-script.ts';

/** A launch that was not answered by then is unknown; the caller looks up, or submits again. */
const LAUNCH_LIMIT_MS = 20_000;
/** An attempt that is between claim and body is looked at this often: nobody tells when another node's body starts. */
const PENDING_LOOK_MS = 100;
/** Attempts that are read from disk at once. */
const READS_AT_ONCE = 32;

export interface ProcessEngineDeps {
  readonly dataDir: string;
  readonly log: LauncherLog;
  readonly now: () => Instant;
  /** The server's variables; only PATH and HOME are taken, for tasks that set none. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
  /** Absent = the machine's POSIX shell. */
  readonly shell?: string;
  /** Absent = LAUNCH_LIMIT_MS. */
  readonly launchLimitMs?: number;
}

/** Throws 'invalid' when this machine cannot give a body a process group of its own. */
export async function openProcessEngine(deps: ProcessEngineDeps): Promise<Engine> {
  const bootId = readBootId();
  const dataDir = resolve(deps.dataDir);
  const store = await openAttemptStore({ dataDir, bootId });
  const place = await readPlace(dataDir);
  const shell = deps.shell ?? '/bin/sh';
  const env = pathAndHome(deps.hostEnv);
  const setsid = findProgram('setsid', env['PATH'] ?? '');
  if (setsid === null) requireMonitorMode(shell);
  const preamble = launcherPreamble({ base: dataDir, bootId, setsid });
  return new ProcessEngine({ ...deps, store, place, env, shell, preamble });
}

interface EngineParts extends ProcessEngineDeps {
  readonly store: AttemptStore;
  readonly place: string;
  readonly env: Readonly<Record<string, string>>;
  readonly shell: string;
  readonly preamble: string;
}

interface Submission {
  readonly report: Promise<AttemptReport>;
  resolve(report: AttemptReport): void;
  reject(error: unknown): void;
}

class ProcessEngine implements Engine {
  readonly kind = 'process';
  readonly reach = { scope: 'local', where: hostname() } as const;
  readonly #parts: EngineParts;
  readonly #store: AttemptStore;
  readonly #live: LiveAttempts;
  readonly #launcher: ReturnType<typeof createLauncher>;
  readonly #stopper: ReturnType<typeof createStopper>;
  readonly #submissions = new Map<AttemptId, Submission>();
  readonly #noted = new Set<string>();
  /** Attempts between claim and body that will be looked at again. */
  readonly #looking = new Set<AttemptId>();
  #listener: EngineListener | null = null;
  #closed = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#live = createLiveAttempts({
      store: parts.store,
      now: parts.now,
      log: parts.log,
      settle: (id) => this.#settle(id),
    });
    this.#launcher = createLauncher({ ...parts, events: this.#events() });
    this.#stopper = createStopper({ find: (id) => this.#bodyOf(id), log: parts.log });
  }

  identity(): Promise<string> {
    return Promise.resolve(this.#parts.place);
  }

  async submit(spec: AttemptSpec, { signal }: { readonly signal: AbortSignal }): Promise<AttemptReport> {
    signal.throwIfAborted();
    this.#requireOpen();
    this.#note(spec);
    const under = this.#submissions.get(spec.id);
    if (under !== undefined) return under.report;
    if (this.#live.get(spec.id) !== undefined || this.#store.isUsed(spec.id)) return this.#lookupOne(spec.id);
    const submission = newSubmission();
    this.#submissions.set(spec.id, submission);
    const limit = setTimeout(() => submission.reject(late(spec.id)), this.#parts.launchLimitMs ?? LAUNCH_LIMIT_MS);
    try {
      await this.#store.prepare(spec.id);
      // The last look before the effect: the disk may have taken long.
      signal.throwIfAborted();
      this.#launcher.launch(spec.id, launchText(spec, this.#parts.env));
      return await submission.report;
    } finally {
      clearTimeout(limit);
      this.#submissions.delete(spec.id);
    }
  }

  async lookup(ids: readonly AttemptId[]): Promise<readonly AttemptReport[]> {
    // The fence needs nothing here: a late call of an older leader meets the claim of the new one's, or the other way round.
    const reports: AttemptReport[] = [];
    for (let at = 0; at < ids.length; at += READS_AT_ONCE) {
      reports.push(...(await Promise.all(ids.slice(at, at + READS_AT_ONCE).map((id) => this.#lookupOne(id)))));
    }
    return reports;
  }

  async list(): Promise<readonly AttemptReport[]> {
    const reports = await this.lookup(await this.#store.list());
    return reports.filter((report) => report.state !== 'unknown');
  }

  watch(listener: EngineListener, { signal }: { readonly signal: AbortSignal }): void {
    if (signal.aborted) return;
    this.#listener = listener;
    signal.addEventListener('abort', () => (this.#listener = this.#listener === listener ? null : this.#listener));
  }

  async stop(id: AttemptId, { graceMs }: { readonly graceMs: number }): Promise<void> {
    await this.#submissions.get(id)?.report.catch(() => undefined);
    const found = await this.#store.inspect(id);
    // A start that another node still has on its way must find the id used.
    if (found.state === 'unknown' && !found.used) await this.#store.bar(id);
    await this.#stopper.stop(id, graceMs);
  }

  async *logs(id: AttemptId, options: Parameters<Engine['logs']>[1]): ReturnType<Engine['logs']> & AsyncGenerator {
    const report = await this.#lookupOne(id);
    const started = report.state === 'ended' ? report.startedAt > 0 : report.state !== 'unknown';
    if (!started) throw new AppError('not_found', `Attempt ${id} has no log here.`);
    const hasEnded = async () => {
      const { state } = await this.#lookupOne(id);
      return state === 'ended' || state === 'unknown';
    };
    const isKnown = async () => (await this.#lookupOne(id)).state !== 'unknown';
    yield* readLog({ paths: this.#store.paths(id), hasEnded, isKnown }, options);
  }

  async exec(id: AttemptId, options: Parameters<Engine['exec']>[1]): ReturnType<Engine['exec']> {
    const report = await this.#lookupOne(id);
    if (report.state === 'unknown') throw new AppError('not_found', `Attempt ${id} is not known.`);
    const pid = await this.#bodyOf(id);
    if (pid === null) throw new AppError('conflict', `Attempt ${id} is not running.`);
    const env = readVariables(pid) ?? this.#parts.env;
    const place = { directory: this.#store.paths(id).work, env, searchPath: this.#parts.env['PATH'] ?? '' };
    return startExec({ ...place, now: this.#parts.now }, options);
  }

  async forget(id: AttemptId): Promise<void> {
    const found = await this.#store.inspect(id);
    if (found.state !== 'ended' && found.state !== 'unknown') return;
    if (found.state === 'ended') await this.#store.forget(id);
    // A start that an older leader still has on its way must find the id used.
    else if (!found.used) await this.#store.bar(id);
    this.#live.delete(id);
  }

  tidy(): Promise<void> {
    return this.#store.tidy(this.#parts.now());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listener = null;
    this.#stopper.close();
    this.#live.close();
    this.#launcher.close();
  }

  #events(): LauncherEvents {
    return {
      started: (id, bodyPid) => {
        const startedAt = this.#parts.now();
        this.#live.add({ id, startedAt, bodyPid, supervisor: undefined });
        this.#answer(id, { id, state: 'running', startedAt });
      },
      ended: (id, code) => this.#own(this.#ended(id, code), id),
      settled: (id) => this.#own(this.#settle(id), id),
      failed: (id, error) => this.#submissions.get(id)?.reject(error),
    };
  }

  async #ended(id: AttemptId, code: number): Promise<void> {
    const report = this.#store.endedNow(id, code);
    if (report === null) await this.#settle(id);
    else this.#end(report);
  }

  /** Tells the submitter and the listener the first that is known. */
  #answer(id: AttemptId, report: AttemptReport): void {
    this.#submissions.get(id)?.resolve(report);
    this.#listener?.changed(report);
  }

  #end(report: EndedAttempt): void {
    this.#submissions.get(report.id)?.resolve(report);
    if (this.#live.delete(report.id)) this.#listener?.changed(report);
  }

  /** Finds out what became of an attempt, and takes it up when its body runs. */
  async #settle(id: AttemptId): Promise<Finding> {
    const found = await this.#store.inspect(id);
    const submission = this.#submissions.get(id);
    switch (found.state) {
      case 'unknown':
        // Taken by nobody, yet the claim could not be made: the disk is full, or the directory of claims is not ours.
        if (!found.used) submission?.reject(cannotClaim(id));
        submission?.resolve({ id, state: 'unknown' });
        this.#live.delete(id);
        break;
      case 'pending':
        submission?.resolve({ id, state: 'pending', note: 'starting' });
        this.#lookAgain(id);
        break;
      case 'running':
        if (this.#live.get(id) === undefined) {
          this.#live.add({ id, startedAt: found.startedAt, bodyPid: found.body.pid, supervisor: found.supervisor });
          this.#answer(id, { id, state: 'running', startedAt: found.startedAt });
        }
        break;
      case 'ended':
        if (submission !== undefined) this.#listener?.changed(found.report);
        this.#end(found.report);
        break;
    }
    return found;
  }

  async #lookupOne(id: AttemptId): Promise<AttemptReport> {
    this.#requireOpen();
    const live = this.#live.get(id);
    if (live !== undefined) return { id, state: 'running', startedAt: live.startedAt };
    if (this.#submissions.has(id) && !this.#store.isUsed(id)) return { id, state: 'pending', note: 'starting' };
    const found = await this.#settle(id);
    switch (found.state) {
      case 'unknown':
        return { id, state: 'unknown' };
      case 'pending':
        return { id, state: 'pending', note: 'starting' };
      case 'running':
        return { id, state: 'running', startedAt: found.startedAt };
      case 'ended':
        return found.report;
    }
  }

  /** The body's number, checked to be still that body's; null when it does not run. */
  async #bodyOf(id: AttemptId): Promise<number | null> {
    const found = await this.#settle(id);
    if (found.state === 'running') return found.body.pid;
    return found.state === 'pending' ? (this.#live.get(id)?.bodyPid ?? null) : null;
  }

  #lookAgain(id: AttemptId): void {
    if (this.#closed || this.#looking.has(id)) return;
    this.#looking.add(id);
    setTimeout(() => {
      this.#looking.delete(id);
      if (!this.#closed) this.#own(this.#settle(id), id);
    }, PENDING_LOOK_MS).unref();
  }

  /** Owner of what nobody waits for. */
  #own(work: Promise<unknown>, id: AttemptId): void {
    work.catch((error: unknown) => {
      this.#submissions.get(id)?.reject(error);
      this.#parts.log.warn({ attemptId: id, error: errorText(error) }, 'attempt could not be looked up');
    });
  }

  #note(spec: AttemptSpec): void {
    const { cpuMillis, memoryMib } = spec.resources;
    if (spec.image !== '')
      this.#noteOnce('the process engine uses no images: commands run as processes of this machine');
    if (cpuMillis > 0 || memoryMib > 0) this.#noteOnce('the process engine does not enforce cpu and memory limits');
  }

  #noteOnce(message: string): void {
    if (this.#noted.has(message)) return;
    this.#noted.add(message);
    this.#parts.log.info({ engine: this.kind }, message);
  }

  #requireOpen(): void {
    if (this.#closed) throw new AppError('unavailable', 'The process engine is closed.');
  }
}

function newSubmission(): Submission {
  let settle: Pick<Submission, 'resolve' | 'reject'> = { resolve: () => undefined, reject: () => undefined };
  const report = new Promise<AttemptReport>((resolve, reject) => (settle = { resolve, reject }));
  report.catch(() => undefined);
  return { report, ...settle };
}

function pathAndHome(host: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const names = ['PATH', 'HOME'];
  return Object.fromEntries(names.flatMap((name) => (host[name] === undefined ? [] : [[name, host[name]]])));
}

function requireMonitorMode(shell: string): void {
  const probe = spawnSync(shell, ['-c', 'set -m 2>/dev/null; case $- in *m*) exit 0 ;; esac; exit 1'], {
    stdio: 'ignore',
  });
  if (probe.status === 0) return;
  throw new AppError('invalid', 'The process engine needs setsid (util-linux or busybox) or a shell with job control.');
}

function cannotClaim(id: AttemptId): AppError {
  return new AppError('unavailable', 'The attempt could not be started now.', { detail: `claim attempt ${id}` });
}

function late(id: AttemptId): AppError {
  return new AppError('unavailable', 'The attempt was not started in time.', { detail: `launch attempt ${id}` });
}
