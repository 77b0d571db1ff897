// Is this the store that the node worked with before? The cluster's id and the highest revision and term are remembered beside the
// node's own data. Another id means another cluster behind the same address or prefix; a revision or term that went back means
// an old backup: going on would use terms, run numbers and attempts a second time.

import { keys } from '../store/keys.ts';
import { AppError, errorText } from '../store/model/errors.ts';
import { installationRecord } from '../store/records/system-records.ts';
import type { LocalMemory, Remembered } from './options.ts';
import type { ClusterLog } from './timings.ts';
import type { Regress, StoreLine } from './store-line.ts';
import { pause } from './waiting.ts';

/** A read may come from a member of the store that lags behind: it is asked once more before anybody is turned away. */
const SECOND_LOOK_MS = 300;

export interface StoreFacts {
  /** Null = the store holds no installation. */
  readonly clusterId: string | null;
  readonly revision: number;
  /** Of the leader that is recorded; null = none. */
  readonly term: number | null;
}

/** Why the node must not work with the store; null = nothing speaks against it. */
export function storeRefusal(remembered: Remembered | null, facts: StoreFacts, place: string): string | null {
  if (remembered === null) return null;
  const forget = `If this is what you want, stop the node and remove ${place}.`;
  if (facts.clusterId !== remembered.clusterId) {
    const found = facts.clusterId === null ? 'holds no installation' : `belongs to installation ${facts.clusterId}`;
    return (
      `This node works with installation ${remembered.clusterId}, but the state store ${found}. ` +
      `Check the endpoints and the prefix of the state store. ${forget}`
    );
  }
  const { highestRevision, highestTerm } = remembered;
  if (facts.revision < highestRevision) {
    return `${wentBack('revision', facts.revision, highestRevision)} ${forget}`;
  }
  if (facts.term !== null && facts.term < highestTerm) return `${wentBack('term', facts.term, highestTerm)} ${forget}`;
  return null;
}

function wentBack(what: 'revision' | 'term', found: number, known: number): string {
  return (
    `The state store went backwards: its ${what} is ${found}, and this node has seen ${known}. It was probably restored from ` +
    'an older backup, so numbers would be used twice. Restore it with a raised revision (etcdutl snapshot restore ' +
    '--bump-revision), or from a newer backup.'
  );
}

export function regressText({ answered, known }: Regress, place: string): string {
  return `${wentBack('revision', answered, known)} To go on with what it holds now, stop all nodes and remove ${place} on each.`;
}

export function termText(term: number, highestTerm: number, place: string): string {
  return `${wentBack('term', term, highestTerm)} To go on with what it holds now, stop all nodes and remove ${place} on each.`;
}

export interface Memory {
  /** Throws AppError('invalid') when this is not the store that the node worked with. Repeatable. */
  verify(signal: AbortSignal): Promise<void>;
  noteTerm(term: number): void;
  highestTerm(): number;
  /** Writes down what is known now. A failure is reported, not thrown: it costs only a check after the next restart. */
  save(): Promise<void>;
}

export interface MemoryDeps {
  readonly line: StoreLine;
  readonly memory: LocalMemory;
  readonly log: ClusterLog;
}

export async function openMemory({ line, memory, log }: MemoryDeps): Promise<Memory> {
  let remembered = await memory.read();
  let highestTerm = remembered?.highestTerm ?? 0;
  let saving = Promise.resolve();
  line.note(remembered?.highestRevision ?? 0);

  function known(): Remembered | null {
    if (remembered === null) return null;
    return { clusterId: remembered.clusterId, highestTerm, highestRevision: line.highestRevision() };
  }

  async function verify(signal: AbortSignal): Promise<void> {
    const before = known();
    let facts = await readFacts(line);
    if (storeRefusal(before, facts, memory.place) !== null) {
      await pause(SECOND_LOOK_MS, signal);
      facts = await readFacts(line);
    }
    const refusal = storeRefusal(before, facts, memory.place);
    if (refusal !== null) throw new AppError('invalid', refusal);
    if (facts.clusterId === null) {
      throw new AppError('internal', 'The state store holds no installation record.', { detail: keys.meta() });
    }
    remembered ??= { clusterId: facts.clusterId, highestTerm, highestRevision: facts.revision };
    highestTerm = Math.max(highestTerm, facts.term ?? 0);
  }

  async function write(): Promise<void> {
    const what = known();
    if (what === null) return;
    try {
      await memory.write(what);
    } catch (error) {
      log.warn({ error: errorText(error), place: memory.place }, 'what this node knows could not be written down');
    }
  }

  /** One after the other, each with what is known by then. */
  function save(): Promise<void> {
    saving = saving.then(write);
    return saving;
  }

  return {
    verify,
    noteTerm: (term) => {
      highestTerm = Math.max(highestTerm, term);
    },
    highestTerm: () => highestTerm,
    save,
  };
}

async function readFacts(line: StoreLine): Promise<StoreFacts> {
  const installation = await line.get(keys.meta());
  const leader = await line.get(keys.leader());
  // Last, so that its revision is not below what the others were read at.
  const { revision } = await line.list(keys.drains());
  return {
    clusterId: installation === null ? null : installationRecord.decode(installation.value).installationId,
    revision,
    term: leader?.createRevision ?? null,
  };
}
