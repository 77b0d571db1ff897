// Checks on what is committed: who may write, and how runs, tasks and events may change (I3, I6, I10, I13, I14).

import type { EventKind } from '../../store/model/event.ts';
import { keys } from '../../store/keys.ts';
import type { Run, TaskExecution } from '../../store/model/run.ts';
import type { Checks, Chronicle, Commit, Fail, RunChange, TaskChange } from './chronicle.ts';
import { LIMITS, PIPELINES } from './fixtures.ts';

export function createRecordChecks(chronicle: Chronicle): readonly Checks[] {
  return [
    { committed: (commit, fail) => checkAuthor(chronicle, commit, fail) },
    { committed: checkPaths },
    createEventChecks(),
    { committed: (commit, fail) => checkCancelled(chronicle, commit, fail) },
    { committed: (commit, fail) => checkLimits(chronicle, commit, fail) },
  ];
}

/**
 * Runs, tasks and events are the leader's to write. The API makes runs; a member says where the log of a complete task is, and only
 * while it is one.
 */
function checkAuthor(chronicle: Chronicle, commit: Commit, fail: Fail): void {
  const { author, runs, tasks, segments, revision } = commit;
  const isLeaders =
    segments.length > 0 ||
    runs.some(({ before, after }) => before !== null || after.state !== 'pending') ||
    tasks.some(isDecision);
  switch (author?.role) {
    case 'duty': {
      if (author.term === chronicle.term) return;
      const held = chronicle.term === null ? 'nobody led' : `term ${chronicle.term} was on`;
      return fail('I3', `a write of ${author.process.name} in term ${String(author.term)} was accepted while ${held}`);
    }
    case 'member': {
      const nodeId = `${author.process.name}-${author.process.life}`;
      const isMember = chronicle.members.get(keys.member(author.process.name)) === nodeId;
      if (!isMember) return fail('I3', `a write of ${nodeId} was accepted, which is not a member`);
      if (isLeaders) fail('I3', `revision ${revision} by ${nodeId} decides what is the leader's`);
      return;
    }
    case 'api':
    case 'cluster':
    case undefined:
      if (isLeaders || tasks.length > 0)
        fail('I3', `revision ${revision} changes what is the leader's, and no leader wrote it`);
  }
}

/** Everything but the place of a complete task's log. */
function isDecision({ before, after }: TaskChange): boolean {
  if (before?.state !== 'complete' || after.state !== 'complete') return true;
  return JSON.stringify({ ...before, logs: '' }) !== JSON.stringify({ ...after, logs: '' });
}

const RUN_RANK = { pending: 0, running: 1, complete: 2 } as const;
const TASK_RANK = { waiting: 0, processing: 1, running: 2, complete: 3 } as const;

export function runRank(run: Run | null): number {
  return run === null ? -1 : RUN_RANK[run.state];
}

function checkPaths({ runs, tasks }: Commit, fail: Fail): void {
  for (const change of runs) checkRunPath(change, fail);
  for (const change of tasks) checkTaskPath(change, fail);
}

function checkRunPath({ name, before, after }: RunChange, fail: Fail): void {
  // How it may begin depends on who made it, which checkAuthor sees to.
  if (before === null) return;
  if (runRank(after) < runRank(before)) fail('I6', `run ${name} went back from ${before.state} to ${after.state}`);
  if (before.state === 'complete' && after.state === 'complete' && before.status !== after.status) {
    fail('I6', `run ${name} was ${before.status} and became ${after.status}`);
  }
  if (before.eventId !== null && before.eventId !== after.eventId) fail('I6', `run ${name} got a second queued event`);
}

function checkTaskPath({ run, before, after }: TaskChange, fail: Fail): void {
  const name = `${run} ${after.taskId}`;
  const attempt = 'attempt' in after ? after.attempt : null;
  if (attempt !== null && attempt !== after.past.length + 1) {
    fail('I6', `task ${name} is at attempt ${attempt} after ${after.past.length}`);
  }
  if (before === null) return;
  const kept = before.past.every((past, index) => JSON.stringify(past) === JSON.stringify(after.past[index]));
  if (!kept) fail('I6', `task ${name} forgot or changed a past attempt`);
  if (before.state === 'complete') {
    if (after.state !== 'complete' || after.status !== before.status || after.past.length !== before.past.length) {
      fail('I6', `task ${name} was complete (${before.status}) and became ${after.state}`);
    }
    return;
  }
  if (after.state === 'complete' || after.past.length > before.past.length) return;
  if (TASK_RANK[after.state] < TASK_RANK[before.state]) {
    fail('I6', `task ${name} went back from ${before.state} to ${after.state}`);
  }
}

/** What one commit's records say that happened, as event texts; and what its events say. */
function createEventChecks(): Checks {
  let last = 0;
  let emitted = 0;
  return {
    committed: (commit, fail) => {
      const told: string[] = [];
      for (const { number, isNew, value } of commit.segments) {
        if (!isNew || number !== last + 1) fail('I10', `segment ${number} came after ${last}`);
        last = number;
        for (const event of value.events) {
          if (event === null) continue;
          if (event.emitted < emitted) fail('I10', `an event of segment ${number} is older than the one before it`);
          emitted = event.emitted;
          told.push(...textsOf(event.kind));
        }
      }
      const happened = [...commit.runs.flatMap(runEvents), ...commit.tasks.flatMap(taskEvents)].sort();
      told.sort();
      if (happened.join('; ') === told.join('; ')) return;
      fail('I10', `revision ${commit.revision} did [${happened.join('; ')}] and tells [${told.join('; ')}]`);
    },
  };
}

/** Only of what the records of the same commit must show; cancellations show in several ways and are left out. */
function textsOf(kind: EventKind): readonly string[] {
  if ('queued_run' in kind) return [`queued ${kind.queued_run.pipeline_id}/${kind.queued_run.run_id}`];
  if ('started_run' in kind) return [`started ${kind.started_run.pipeline_id}/${kind.started_run.run_id}`];
  if ('completed_run' in kind) {
    const { pipeline_id, run_id, status } = kind.completed_run;
    return [`completed ${pipeline_id}/${run_id} ${status}`];
  }
  if ('completed_task_execution' in kind) {
    const { pipeline_id, run_id, task_execution_id, status } = kind.completed_task_execution;
    return [`completed ${pipeline_id}/${run_id}/${task_execution_id} ${status}`];
  }
  return [];
}

function runEvents({ before, after }: RunChange): readonly string[] {
  const name = `${after.pipelineId}/${after.runId}`;
  const texts: string[] = [];
  // A leader may create a run whose turn it is and start it in one commit.
  const [eventId, state] = before === null ? [null, 'pending'] : [before.eventId, before.state];
  if (eventId === null && after.eventId !== null) texts.push(`queued ${name}`);
  // A run that was started and ended in one commit still has a start time.
  const startedNow = after.state === 'running' || (after.state === 'complete' && after.startedAt > 0);
  if (state === 'pending' && startedNow) texts.push(`started ${name}`);
  if (state !== 'complete' && after.state === 'complete') texts.push(`completed ${name} ${after.status}`);
  return texts;
}

function taskEvents({ before, after }: TaskChange): readonly string[] {
  if (before?.state === 'complete' || after.state !== 'complete') return [];
  return [`completed ${after.pipelineId}/${after.runId}/${after.taskId} ${after.status}`];
}

function startsNow({ before, after }: TaskChange): boolean {
  return after.state === 'processing' && (before === null || attemptOf(before) !== after.attempt);
}

function attemptOf(task: TaskExecution): number {
  return 'attempt' in task ? task.attempt : 0;
}

function checkCancelled(chronicle: Chronicle, commit: Commit, fail: Fail): void {
  for (const change of commit.tasks) {
    if (!startsNow(change)) continue;
    const run = chronicle.runs.get(change.run);
    const name = `${change.run} ${change.after.taskId}`;
    if (run?.state !== 'running') fail('I13', `task ${name} is started in a run that is ${run?.state ?? 'not there'}`);
    else if (run.cancel !== null) fail('I13', `task ${name} is started after the cancel of its run was committed`);
  }
}

function checkLimits(chronicle: Chronicle, commit: Commit, fail: Fail): void {
  if (!commit.runs.some(({ after }) => after.state === 'running')) return;
  const running = new Map<string, number>();
  let all = 0;
  for (const run of chronicle.runs.values()) {
    if (run.state !== 'running') continue;
    all += 1;
    running.set(run.pipelineId, (running.get(run.pipelineId) ?? 0) + 1);
  }
  if (all > LIMITS.globalRuns) fail('I14', `${all} runs at once; at most ${LIMITS.globalRuns} are allowed`);
  for (const { id, parallelism } of PIPELINES) {
    const limit = parallelism === 0 ? LIMITS.pipelineRuns : parallelism;
    const count = running.get(id) ?? 0;
    if (count > limit) fail('I14', `${count} runs of ${id} at once; at most ${limit} are allowed`);
  }
}
