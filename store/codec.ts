// Records are JSON with a version in `v`, so that an operator can read them with etcdctl and a newer build can open what an
// older one wrote. A record that cannot be read is one damaged record, never a crash: callers set it aside by name.

import { AppError } from './model/errors.ts';

type FieldType = 'string' | 'number' | 'boolean' | 'object' | 'array' | 'nullable' | 'any';

type Fields = Readonly<Record<string, unknown>>;

/** From one version of a record to the next one. */
export interface Change {
  /**
   * The record format of the cluster (cluster/format.ts) from which on the newer version is written. Before, older builds must be able to
   * read what is written: `down` gives it, and may leave out what only the newer version can say.
   */
  readonly format: number;
  readonly up: (older: Fields) => Record<string, unknown>;
  readonly down: (newer: Fields) => Record<string, unknown>;
}

/** What every build has written from the beginning. */
export const FIRST_FORMAT = 1;

/** Of this process, a node of one cluster: the format that this cluster's leader has recorded, as far as this node has seen. */
let writtenFormat = FIRST_FORMAT;

/** From now on records are written in this format. Never lowered: what was recorded once is known to all. */
export function writeInFormat(format: number): void {
  writtenFormat = Math.max(writtenFormat, format);
}

export interface RecordCodec<T> {
  readonly kind: string;
  /** The newest that this build knows. */
  readonly version: number;
  /** In the newest version that all nodes of the cluster can read. */
  encode(value: T): string;
  /** Throws AppError('internal') that names the kind and the fault; never returns half a record. */
  decode(text: string): T;
}

interface CodecOptions {
  readonly kind: string;
  /** The fields that every record of this kind has, with their types. */
  readonly fields: Readonly<Record<string, FieldType>>;
  /** `changes[n]` leads from version n + 1 to n + 2; the newest version is their count + 1. Their formats never fall. */
  readonly changes?: readonly Change[];
}

export function recordCodec<T extends object>(options: CodecOptions): RecordCodec<T> {
  const { kind, fields, changes = [] } = options;
  const version = changes.length + 1;
  const checks = Object.entries(fields);
  const newestFormat = changes.at(-1)?.format ?? FIRST_FORMAT;

  function encode(value: T): string {
    if (newestFormat <= writtenFormat) return JSON.stringify({ v: version, ...value });
    const early = changes.filter(({ format }) => format > writtenFormat);
    const fields = early.reduceRight<Fields>(
      (newer, { down }) => down(newer),
      Object.fromEntries(Object.entries(value)),
    );
    return JSON.stringify({ v: version - early.length, ...fields });
  }

  function decode(text: string): T {
    let record = parseObject(kind, text);
    const found = record['v'];
    if (typeof found !== 'number' || !Number.isInteger(found) || found < 1) throw damaged(kind, 'no record version');
    if (found > version) {
      throw new AppError('internal', `A ${kind} record was written by a newer version of Gofer.`, {
        detail: `record version ${found}, this build knows ${version}`,
      });
    }
    for (const { up } of changes.slice(found - 1)) record = up(record);
    for (const [name, type] of checks) {
      if (!hasType(record[name], type)) throw damaged(kind, `field ${name} is not ${type}`);
    }
    delete record['v'];
    return record as T;
  }

  return { kind, version, encode, decode };
}

function parseObject(kind: string, text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw damaged(kind, 'not JSON', error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw damaged(kind, 'not an object');
  return parsed as Record<string, unknown>;
}

function hasType(value: unknown, type: FieldType): boolean {
  switch (type) {
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'array':
      return Array.isArray(value);
    case 'nullable':
      return value !== undefined;
    case 'any':
      return true;
  }
}

function damaged(kind: string, fault: string, cause?: unknown): AppError {
  return new AppError('internal', `A ${kind} record is damaged.`, { detail: fault, cause });
}
