// Records are JSON with a version in `v`, so that an operator can read them with etcdctl and a newer build can open what an
// older one wrote. A record that cannot be read is one damaged record, never a crash: callers set it aside by name.

import { AppError } from './model/errors.ts';

type FieldType = 'string' | 'number' | 'boolean' | 'object' | 'array' | 'nullable' | 'any';

/** One step up: takes a record of the version before and returns the next form. */
export type Upgrade = (old: Readonly<Record<string, unknown>>) => Record<string, unknown>;

export interface RecordCodec<T> {
  readonly kind: string;
  readonly version: number;
  encode(value: T): string;
  /** Throws AppError('internal') that names the kind and the fault; never returns half a record. */
  decode(text: string): T;
}

interface CodecOptions {
  readonly kind: string;
  /** The fields that every record of this kind has, with their types. */
  readonly fields: Readonly<Record<string, FieldType>>;
  /** `upgrades[n]` turns version n + 1 into n + 2; the current version is their count + 1. */
  readonly upgrades?: readonly Upgrade[];
}

export function recordCodec<T extends object>(options: CodecOptions): RecordCodec<T> {
  const { kind, fields, upgrades = [] } = options;
  const version = upgrades.length + 1;
  const checks = Object.entries(fields);

  function decode(text: string): T {
    let record = parseObject(kind, text);
    const found = record['v'];
    if (typeof found !== 'number' || !Number.isInteger(found) || found < 1) throw damaged(kind, 'no record version');
    if (found > version) {
      throw new AppError('internal', `A ${kind} record was written by a newer version of Gofer.`, {
        detail: `record version ${found}, this build knows ${version}`,
      });
    }
    for (const upgrade of upgrades.slice(found - 1)) record = upgrade(record);
    for (const [name, type] of checks) {
      if (!hasType(record[name], type)) throw damaged(kind, `field ${name} is not ${type}`);
    }
    delete record['v'];
    return record as T;
  }

  return { kind, version, encode: (value) => JSON.stringify({ v: version, ...value }), decode };
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
