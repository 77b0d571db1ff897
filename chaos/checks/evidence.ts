// What is known after a chaos run: what the clients called and were answered, what the bodies wrote down outside of the system, who
// led when, and what every node says at the end. All times are milliseconds on one monotonic clock, that of the recording process.
// The checkers judge this and nothing else.

export type RunState = 'pending' | 'running' | 'complete';
export type RunStatus = 'unknown' | 'successful' | 'failed' | 'cancelled';

/** One call of a client, a line of the history. `key` is the client's own name for the run or object, chosen before the call. */
interface CallFacts<Input, Output> {
  readonly proc: number;
  readonly key: string;
  readonly in: Input;
  readonly call: number;
  /** Absent = no answer that settles it: the call may have had its effect, at any time after it, or never. */
  readonly ret?: number;
  readonly out?: Output;
  /** With `ret`: refused, and it certainly had no effect. Without: why the answer is not known. */
  readonly err?: string;
  /** Who was asked: a node, or the load balancer. */
  readonly node: string;
}

export interface RunSeen {
  readonly runId: number;
  readonly state: RunState;
  readonly status: RunStatus;
}

export type StartCall = { readonly op: 'start' } & CallFacts<{ readonly pipeline: string }, { readonly runId: number }>;
export type GetCall = { readonly op: 'get' } & CallFacts<object, RunSeen>;
export type CancelCall = { readonly op: 'cancel' } & CallFacts<object, object>;
/** `in.newKey`: the client's name for the run that comes of it. */
export type RetryCall = { readonly op: 'retry' } & CallFacts<{ readonly newKey: string }, { readonly runId: number }>;
export type PutCall = { readonly op: 'put' } & CallFacts<{ readonly sha256: string }, object>;
export type ReadCall = { readonly op: 'read' } & CallFacts<object, { readonly sha256: string }>;

/** Of a task that was seen to have ended well; `key`: `<pipeline>/<run>/<task>`. */
export type LogCall = { readonly op: 'log' } & CallFacts<object, { readonly text: string }>;

export type Operation = StartCall | GetCall | CancelCall | RetryCall | PutCall | ReadCall | LogCall;

/** `refused` answers are as certain as good ones. */
export function outcomeOf(operation: Operation): 'ok' | 'refused' | 'unknown' {
  if (operation.ret === undefined) return 'unknown';
  return operation.out === undefined ? 'refused' : 'ok';
}

/** A line that a body wrote, the start before it did anything else. */
export interface BodyMark {
  readonly mark: 'start' | 'end';
  /** The attempt's id. */
  readonly attempt: string;
  readonly at: number;
  /** The node that told the engine to start it; '' = not known. */
  readonly node: string;
  /** When the node told it to, where that can be seen; the engine may take its time. */
  readonly asked?: number;
}

/** One reign, as a bystander saw the leader key. */
export interface TermSeen {
  readonly term: number;
  readonly name: string;
  readonly nodeId: string;
  readonly from: number;
  /** Null = it still reigned at the end. */
  readonly to: number | null;
}

export interface FinalAttempt {
  readonly attempt: number;
  /** As the API words it, such as `exit code 0` or `lost: why`. */
  readonly outcome: string;
}

export interface FinalTask {
  readonly task: string;
  readonly state: string;
  readonly status: string;
  readonly attempts: readonly FinalAttempt[];
  readonly retryLimit: number;
  readonly retryLost: boolean;
  readonly parents: readonly string[];
  /** The run whose result it took over; 0 = none. */
  readonly carriedFrom: number;
  /** Null = it was not read. */
  readonly log: string | null;
}

/** A run as one node told it after everything was healed. */
export interface FinalRun extends RunSeen {
  readonly node: string;
  readonly pipeline: string;
  /** The client's name for it. */
  readonly key: string;
  /** Null = this node was not asked for them. */
  readonly tasks: readonly FinalTask[] | null;
}

export interface EventSeen {
  readonly id: string;
  readonly kind: string;
  readonly pipeline: string;
  /** 0 = it is about no run. */
  readonly runId: number;
  /** '' = it is about no task. */
  readonly task: string;
  readonly status: string;
}

/** What one reader was told. */
export interface EventList {
  readonly reader: string;
  /** All from the beginning, or those from some moment on. */
  readonly whole: boolean;
  readonly events: readonly EventSeen[];
}

export interface FinalObject {
  readonly node: string;
  readonly key: string;
  /** Null = not found. */
  readonly sha256: string | null;
}

export interface FaultSeen {
  readonly name: string;
  readonly target: string;
  readonly from: number;
  readonly to: number;
  /** What showed that it took effect; null = nothing did. */
  readonly proof: string | null;
  /** The engine stood still: what it had been told to start before begins when it goes on. */
  readonly holdsEngine?: boolean;
  /** What a body printed in those moments was in the hands of a process that was killed. */
  readonly losesOutput?: boolean;
  /** It came to another one, and may have waited for a leader until long after that. */
  readonly joins?: boolean;
}

/** All of it. */
export interface Evidence {
  readonly operations: readonly Operation[];
  readonly bodies: readonly BodyMark[];
  readonly terms: readonly TermSeen[];
  readonly runs: readonly FinalRun[];
  readonly events: readonly EventList[];
  readonly objects: readonly FinalObject[];
  readonly faults: readonly FaultSeen[];
  readonly bounds: Bounds;
}

/** The end of a bound that began at `from`: while the engine stands still, the bound does as well. */
export function boundEnd({ faults }: Pick<Evidence, 'faults'>, from: number, boundMs: number): number {
  let end = from + boundMs;
  for (const { from: began, to, holdsEngine } of faults) {
    if (holdsEngine === true && began <= end && to >= from) end = Math.max(end, to + boundMs);
  }
  return end;
}

/** What is promised in milliseconds. Beyond these a late effect is a violation. */
export interface Bounds {
  /** A body may begin this long after the term of the leader that started it: it was on its way. */
  readonly effectMs: number;
  /** A body of a run may begin this long after the acknowledged cancel of the run. */
  readonly cancelMs: number;
  /** Calls that were answered well shortly before a fault; with fewer nothing was at stake. */
  readonly callsMin: number;
  /** Distance between two observers of one moment: the bystander's watch, the clock of the bodies (a tick of 10 ms). */
  readonly observerMs: number;
}

export interface Violation {
  /** Which promise was broken: an id of the table in chaos/README.md. */
  readonly check: string;
  /** Who it is about: a run, an attempt, an object. */
  readonly subject: string;
  readonly what: string;
  /** When, as far as that can be told: for the timeline. */
  readonly at: number | null;
}

/** One promise, and how it is judged. */
export interface Check {
  readonly id: string;
  readonly promise: string;
  judge(evidence: Evidence): readonly Violation[];
}
