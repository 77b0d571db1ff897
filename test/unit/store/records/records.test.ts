// Every record comes back as it was written, says clearly when it cannot, and goes on doing so for what older builds wrote.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecordCodec } from '../../../../store/codec.ts';
import { recordCodec, writeInFormat } from '../../../../store/codec.ts';
import * as blobRecords from '../../../../store/records/blob-records.ts';
import * as clusterRecords from '../../../../store/records/cluster-records.ts';
import * as eventRecords from '../../../../store/records/event-records.ts';
import * as pipelineRecords from '../../../../store/records/pipeline-records.ts';
import * as requestRecords from '../../../../store/records/request-records.ts';
import * as runRecords from '../../../../store/records/run-records.ts';
import * as systemRecords from '../../../../store/records/system-records.ts';
import * as any from './record-arbitraries.ts';

/** One entry for each codec; the test below fails when one is missing. */
const ARBITRARIES: Readonly<Record<string, Arbitrary<object>>> = {
  namespace: any.aNamespace,
  pipeline: any.aPipeline,
  'pipeline config': any.aPipelineConfig,
  deployment: any.aDeployment,
  run: any.aRun,
  'task execution': any.aTaskExecution,
  'run counter': fc.record({ lastRunId: any.count }),
  ask: any.anAsk,
  'archive duty': fc.record({ engine: any.someText, endedAt: any.instant }),
  'retention cursor': fc.record({ logsExpiredUpTo: any.count }),
  'event segment': fc.record({ events: fc.array(any.aStoredEvent, { maxLength: 5 }) }),
  'event counter': fc.record({ first: any.count, last: any.count, emitted: any.instant }),
  'outbox event': any.aStoredEvent,
  'object key': any.anObjectKey,
  'secret key': any.aSecretKey,
  'sealed value': any.aSealedValue,
  'sealing ring': fc.record({ newestKeyId: any.hexHash }),
  'idempotency answer': fc.record({ runId: any.runId, bodyHash: any.hexHash, created: any.instant }),
  installation: fc.record({ installationId: fc.uuid(), created: any.instant }),
  member: any.aMember,
  'leader claim': fc.record({ name: any.someText, nodeId: fc.uuid(), nonce: fc.uuid(), lease: any.someText }),
  'drain order': fc.record({ since: any.instant, by: any.someText }),
  'transfer order': fc.record({ term: any.count, to: fc.option(any.someText), askedAt: any.instant }),
  'record format': fc.record({ active: any.count }),
  'cluster engine': fc.record({
    ...{ kind: any.someText, identity: any.someText, where: any.someText },
    ...{ by: any.someText, since: any.instant },
  }),
  preferences: fc.record({ ignorePipelineRunEvents: fc.boolean(), bootstrapTokenCreated: fc.boolean() }),
  'object place': fc.record({ mark: fc.uuid() }),
};

const CODECS = codecsOf([
  blobRecords,
  clusterRecords,
  eventRecords,
  pipelineRecords,
  requestRecords,
  runRecords,
  systemRecords,
]);

/** The codecs among the exports of modules, each kind once. */
function codecsOf(modules: readonly object[]): readonly RecordCodec<object>[] {
  const exported: unknown[] = modules.flatMap((module) => Object.values(module) as unknown[]);
  const codecs = exported.filter(
    (each): each is RecordCodec<object> => typeof each === 'object' && each !== null && 'decode' in each,
  );
  return [...new Map(codecs.map((codec) => [codec.kind, codec])).values()];
}

function arbitraryOf(kind: string): Arbitrary<object> {
  const arbitrary = ARBITRARIES[kind];
  if (arbitrary === undefined) throw new Error(`no arbitrary for a ${kind} record`);
  return arbitrary;
}

describe('every record', () => {
  test.each(CODECS)('$kind: what was encoded is decoded to the same', (codec) => {
    fc.assert(
      fc.property(arbitraryOf(codec.kind), (value) => {
        expect(codec.decode(codec.encode(value))).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  test.each(CODECS)('$kind: a text cut anywhere is told as damaged, with its kind', (codec) => {
    const cut = fc.tuple(arbitraryOf(codec.kind), fc.nat({ max: 10_000 }));
    fc.assert(
      fc.property(cut, ([value, at]) => {
        const text = codec.encode(value);
        const decode = () => codec.decode(text.slice(0, at % text.length));
        expect(decode).toThrow(`A ${codec.kind} record is damaged.`);
        expect(decode).toThrow(expect.objectContaining({ code: 'internal' }) as Error);
      }),
      { numRuns: 20 },
    );
  });

  test.each(CODECS)('$kind: a record of a newer build is refused, not misread', (codec) => {
    const [value = {}] = fc.sample(arbitraryOf(codec.kind), { numRuns: 1, seed: 1 });
    const newer = JSON.stringify({ ...value, v: codec.version + 1 });
    expect(() => codec.decode(newer)).toThrow(`A ${codec.kind} record was written by a newer version of Gofer.`);
  });

  test.each(CODECS)('$kind: a record without a field that all have is told as damaged', (codec) => {
    expect(() => codec.decode(JSON.stringify({ v: codec.version }))).toThrow(`A ${codec.kind} record is damaged.`);
  });

  test.each(['null', '[]', '"text"', '7', '', '{}', '{"v":"1"}', '{"v":0}', '{"v":1.5}'])('%j is no record', (text) => {
    expect(() => systemRecords.installationRecord.decode(text)).toThrow('A installation record is damaged.');
  });
});

interface Example {
  readonly kind: string;
  /** As a build of long ago wrote it. Never changed. */
  readonly text: string;
  /** What it means today; follows the model when a record gets a new version. */
  readonly value: unknown;
}

describe('records of earlier versions', async () => {
  const file = join(import.meta.dirname, '..', '..', '..', 'golden', 'records-v1.json');
  const examples = JSON.parse(await readFile(file, 'utf8')) as readonly Example[];

  test.each(examples)('$kind: is read as it was meant', ({ kind, text, value }) => {
    expect(CODECS.find((codec) => codec.kind === kind)?.decode(text)).toEqual(value);
  });

  test('every kind has an example', () => {
    const kinds = new Set(examples.map(({ kind }) => kind));
    expect(CODECS.map(({ kind }) => kind).filter((kind) => !kinds.has(kind))).toEqual([]);
  });
});

describe('versions of a record', () => {
  interface Job {
    readonly name: string;
    readonly timeoutMs: number;
    readonly labels: readonly string[];
  }
  const codec = recordCodec<Job>({
    kind: 'job',
    fields: { name: 'string', timeoutMs: 'number', labels: 'array' },
    changes: [
      {
        format: 2,
        up: ({ timeoutSeconds, ...rest }) => ({ ...rest, timeoutMs: Number(timeoutSeconds) * 1_000 }),
        down: ({ timeoutMs, ...rest }) => ({ ...rest, timeoutSeconds: Number(timeoutMs) / 1_000 }),
      },
      { format: 3, up: (older) => ({ ...older, labels: [] }), down: ({ labels: _, ...rest }) => rest },
    ],
  });
  const wanted: Job = { name: 'nightly', timeoutMs: 30_000, labels: [] };

  const texts = [
    { version: 1, text: '{"v":1,"name":"nightly","timeoutSeconds":30}' },
    { version: 2, text: '{"v":2,"name":"nightly","timeoutMs":30000}' },
    { version: 3, text: '{"v":3,"name":"nightly","timeoutMs":30000,"labels":[]}' },
  ];

  test.each(texts)('a record of version $version is brought to the newest one, step by step', ({ text }) => {
    expect(codec.decode(text)).toEqual(wanted);
  });

  test('what is written is of the newest version that the whole cluster can read, and that is never lowered', () => {
    for (const { version, text } of texts) {
      writeInFormat(version);
      expect(JSON.parse(codec.encode(wanted))).toEqual(JSON.parse(text));
    }
    writeInFormat(1);
    expect(JSON.parse(codec.encode(wanted))).toEqual({ v: 3, ...wanted });
  });

  test('an older record that makes no sense is told as damaged', () => {
    expect(() => codec.decode('{"v":1,"name":7,"timeoutSeconds":30}')).toThrow('A job record is damaged.');
  });
});
