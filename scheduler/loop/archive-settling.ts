// Takes duties to archive away and says in the tasks where their logs are: many in one transaction, gathered while the one before is
// under way. A duty goes only if it is still there as it was, so of all nodes that copied one log exactly one settles it.

import { keys } from '../../store/keys.ts';
import { AppError } from '../../store/model/errors.ts';
import type { AttemptKey } from '../../store/model/ids.ts';
import type { CompleteTask, LogPlace, TaskExecution } from '../../store/model/run.ts';
import { taskRecord } from '../../store/records/run-records.ts';
import type { Compare, KeyValue, StateStore, Write } from '../../store/state/port.ts';

/** Each takes two compares and two writes at most, of 128 of each that etcd allows. */
const SETTLED_AT_ONCE = 48;
/** A task's record changes a few times in its life. */
const TRIES_MAX = 5;

export interface Settlement {
  /** The duty, as it was read. */
  readonly duty: KeyValue;
  readonly attempt: AttemptKey;
  readonly place: LogPlace;
}

export interface SettlerDeps {
  readonly state: StateStore;
  /** Holds while this node may settle anything. */
  readonly fence: Compare;
}

export interface Settler {
  /** Resolves with the task as it is then, also when somebody else settled it before; null when there is none. */
  settle(settlement: Settlement): Promise<TaskExecution | null>;
}

interface Entry extends Settlement {
  readonly resolve: (task: TaskExecution | null) => void;
  readonly reject: (error: unknown) => void;
}

/** An entry, and its task as it was read last. */
interface Open {
  readonly entry: Entry;
  readonly found: KeyValue | null;
  readonly task: TaskExecution | null;
}

export function createSettler(deps: SettlerDeps): Settler {
  return new BatchingSettler(deps);
}

class BatchingSettler implements Settler {
  readonly #deps: SettlerDeps;
  readonly #queue: Entry[] = [];
  #draining: Promise<void> | null = null;

  constructor(deps: SettlerDeps) {
    this.#deps = deps;
  }

  settle(settlement: Settlement): Promise<TaskExecution | null> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...settlement, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Never rejects: each entry is told of its own failure. */
  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const entries = this.#queue.splice(0, SETTLED_AT_ONCE);
      const open = await Promise.all(entries.map((entry) => this.#read(entry)));
      const readable = open.filter((each) => each !== null);
      for (const part of this.#parts(readable)) {
        await this.#commit(part).catch((error: unknown) => part.forEach(({ entry }) => entry.reject(error)));
      }
    }
    this.#draining = null;
  }

  /** Null when it cannot be read; its owner has been told. */
  async #read(entry: Entry): Promise<Open | null> {
    try {
      const found = await this.#deps.state.get(keys.task(entry.attempt));
      return { entry, found, task: decoded(found) };
    } catch (error) {
      entry.reject(error);
      return null;
    }
  }

  /** Records of tasks may be large: each part fits in a transaction with room to spare. */
  #parts(all: readonly Open[]): readonly (readonly Open[])[] {
    const parts: Open[][] = [];
    let bytes = Number.POSITIVE_INFINITY;
    for (const open of all) {
      const size = Buffer.byteLength(open.found?.value ?? '');
      if (bytes + size > this.#deps.state.limits.bytesMax / 2) {
        parts.push([]);
        bytes = 0;
      }
      parts.at(-1)?.push(open);
      bytes += size;
    }
    return parts;
  }

  async #commit(part: readonly Open[]): Promise<void> {
    const { state, fence } = this.#deps;
    let open = part;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const { succeeded, found } = await state.commit({
        compares: [fence, ...open.flatMap(comparesOf)],
        writes: open.flatMap(writesOf),
        readOnFailure: open.flatMap(({ entry }) => [entry.duty.key, keys.task(entry.attempt)]),
      });
      if (succeeded) {
        for (const each of open) each.entry.resolve(each.task);
        return;
      }
      const before = open;
      open = stillOpen(before, found);
      if (open.length === 0) return;
      if (open.length === before.length && open.every((each, index) => isSame(each.found, before[index]?.found))) {
        throw new AppError('unavailable', 'This node is no longer a member.', { outcome: 'not_applied' });
      }
    }
    throw new AppError('conflict', 'The task kept changing while its log was copied.');
  }
}

/** What changed in between is taken over; what somebody else has settled is done. */
function stillOpen(before: readonly Open[], found: readonly KeyValue[]): readonly Open[] {
  const now = new Map(found.map((kv) => [kv.key, kv]));
  const open: Open[] = [];
  for (const { entry } of before) {
    const kv = now.get(keys.task(entry.attempt)) ?? null;
    try {
      const task = decoded(kv);
      if (now.get(entry.duty.key)?.modRevision === entry.duty.modRevision) open.push({ entry, found: kv, task });
      else entry.resolve(task);
    } catch (error) {
      entry.reject(error);
    }
  }
  return open;
}

function comparesOf(open: Open): readonly Compare[] {
  const { entry, found } = open;
  const unchanged: Compare = { target: 'mod', key: entry.duty.key, equals: entry.duty.modRevision };
  if (toldBy(open) === null) return [unchanged];
  return [unchanged, { target: 'mod', key: keys.task(entry.attempt), equals: found?.modRevision ?? 0 }];
}

function writesOf(open: Open): readonly Write[] {
  const { entry } = open;
  const gone: Write = { op: 'delete', key: entry.duty.key };
  const task = toldBy(open);
  if (task === null) return [gone];
  const value = taskRecord.encode({ ...task, logs: entry.place });
  return [gone, { op: 'put', key: keys.task(entry.attempt), value }];
}

/** The task whose record tells where the log of this attempt is; null when that is another attempt's, or was decided otherwise. */
function toldBy({ entry, task }: Open): CompleteTask | null {
  if (task?.state !== 'complete' || task.logs !== 'engine') return null;
  return task.past.at(-1)?.attempt === entry.attempt.attempt ? task : null;
}

function decoded(kv: KeyValue | null): TaskExecution | null {
  return kv === null ? null : taskRecord.decode(kv.value);
}

function isSame(left: KeyValue | null, right: KeyValue | null | undefined): boolean {
  return left?.modRevision === right?.modRevision;
}
