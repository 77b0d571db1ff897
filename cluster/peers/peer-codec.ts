// The contract of api/proto/peer.proto as typed methods: what gRPC hands over is parsed already. The contract is read from its JSON form
// beside this file, so that it is part of every bundle; a test compares the two and writes the JSON form anew (vitest -u).

import type { MethodDefinition as GrpcMethod } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { MethodDefinition, Options, ServiceDefinition } from '@grpc/proto-loader';
import { parseNamespaceId, parsePipelineId } from '../../store/model/ids.ts';
import type { VariableSource } from '../../store/model/config.ts';
import type { PendingRun } from '../../store/model/run.ts';
import { runRecord } from '../../store/records/run-records.ts';
import type { Pulse } from './port.ts';
import type { HandedStart, StartsAnswer, StartsRequest } from './run-starts.ts';
import contract from './peer-contract.json' with { type: 'json' };
import type { StreamChunk, StreamPosition, TerminalSize } from './task-streams.ts';

/** Numbers on the wire are whole and fit in a double: terms, byte counts, milliseconds. */
const LOADING: Options = { longs: Number, defaults: true, oneofs: false };

export interface LogsRequest {
  readonly engine: string;
  readonly attemptId: string;
  readonly follow: boolean;
  readonly from: StreamPosition;
}

export interface ExecStart {
  readonly engine: string;
  readonly attemptId: string;
  readonly command: readonly string[];
  readonly terminal: TerminalSize | null;
}

export type ExecInput =
  | { readonly kind: 'start'; readonly start: ExecStart }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'resize'; readonly size: TerminalSize };

export type ExecOutput =
  | { readonly kind: 'started' }
  | { readonly kind: 'output'; readonly chunk: StreamChunk }
  | { readonly kind: 'ended'; readonly exitCode: number | null };

interface Form<T> {
  readonly toWire: (value: T) => object;
  /** What it cannot read is an error of the call: the other side speaks another contract. */
  readonly parse: (wire: never) => T;
}

const loaded = fromJSON(contract as Parameters<typeof fromJSON>[0], LOADING);
const service = loaded['gofer.peer.v1.Peer'] as ServiceDefinition;

export const peerMethods = {
  follow: method('Follow', emptyForm(), { toWire: pulseToWire, parse: parsePulse }),
  probe: method('Probe', emptyForm(), {
    toWire: (answer: { readonly nodeId: string }) => answer,
    parse: (wire: { readonly nodeId: string }) => wire,
  }),
  startRuns: method(
    'StartRuns',
    { toWire: startsToWire, parse: parseStarts },
    { toWire: startsAnswerToWire, parse: parseStartsAnswer },
  ),
  logs: method('Logs', { toWire: logsToWire, parse: parseLogs }, { toWire: chunkToWire, parse: parseChunk }),
  exec: method(
    'Exec',
    { toWire: execInputToWire, parse: parseExecInput },
    { toWire: execOutputToWire, parse: parseExecOutput },
  ),
} as const;

function method<Request, Response>(
  name: string,
  request: Form<Request>,
  response: Form<Response>,
): GrpcMethod<Request, Response> {
  const wire = service[name] as MethodDefinition<object, object>;
  return {
    path: wire.path,
    requestStream: wire.requestStream,
    responseStream: wire.responseStream,
    requestSerialize: (value) => wire.requestSerialize(request.toWire(value)),
    requestDeserialize: (bytes) => request.parse(wire.requestDeserialize(bytes) as never),
    responseSerialize: (value) => wire.responseSerialize(response.toWire(value)),
    responseDeserialize: (bytes) => response.parse(wire.responseDeserialize(bytes) as never),
  };
}

function emptyForm(): Form<object> {
  return { toWire: () => ({}), parse: () => ({}) };
}

/** Silences are measured in fractions and may be without end. */
function whole(milliseconds: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(milliseconds)));
}

function pulseToWire({ nodeId, name, term, storeSilentMs, leader, clock }: Pulse): object {
  return {
    ...{ nodeId, name, storeSilentMs: whole(storeSilentMs), clockMs: whole(clock) },
    ...(term === null ? {} : { term }),
    ...(leader === null ? {} : { leader: { nodeId: leader.nodeId, silentMs: whole(leader.silentMs) } }),
  };
}

interface WirePulse {
  readonly nodeId: string;
  readonly name: string;
  readonly term?: number;
  readonly storeSilentMs: number;
  readonly leader: { readonly nodeId: string; readonly silentMs: number } | null;
  readonly clockMs: number;
}

function parsePulse({ nodeId, name, term, storeSilentMs, leader, clockMs }: WirePulse): Pulse {
  return { nodeId, name, term: term ?? null, storeSilentMs, leader, clock: clockMs };
}

interface WireStart {
  readonly namespaceId: string;
  readonly pipelineId: string;
  readonly variables: readonly WireVariable[];
  readonly initiatorId: string;
  readonly initiatorUser: string;
  readonly retryOf: number;
  readonly configVersion: number;
  readonly idempotencyKey: string;
}

interface WireVariable {
  readonly key: string;
  readonly value: string;
  readonly source: string;
}

function startsToWire({ number, starts }: StartsRequest): object {
  return {
    number,
    starts: starts.map(({ pipeline, initiator, configVersion, ...rest }): WireStart => ({
      ...{ ...rest, namespaceId: pipeline.namespaceId, pipelineId: pipeline.pipelineId },
      ...{ initiatorId: initiator.id, initiatorUser: initiator.user, configVersion: configVersion ?? 0 },
    })),
  };
}

function parseStarts({
  number,
  starts,
}: {
  readonly number: number;
  readonly starts: readonly WireStart[];
}): StartsRequest {
  return { number, starts: starts.map(parseStart) };
}

function parseStart(wire: WireStart): HandedStart {
  const { namespaceId, pipelineId, variables, initiatorId, initiatorUser, configVersion, ...rest } = wire;
  return {
    ...rest,
    pipeline: { namespaceId: parseNamespaceId(namespaceId), pipelineId: parsePipelineId(pipelineId) },
    variables: variables.map(({ key, value, source }) => ({ key, value, source: parseSource(source) })),
    initiator: { id: initiatorId, user: initiatorUser },
    configVersion: configVersion === 0 ? null : configVersion,
  };
}

const SOURCES: ReadonlySet<string> = new Set<VariableSource>(['pipeline_config', 'system', 'run_options', 'extension']);

function parseSource(source: string): VariableSource {
  return isSource(source) ? source : 'unknown';
}

function isSource(source: string): source is VariableSource {
  return SOURCES.has(source);
}

function startsAnswerToWire({ number, runs }: StartsAnswer): object {
  return { number, outcomes: runs.map((run) => ({ run: run === null ? '' : runRecord.encode(run) })) };
}

interface WireStartsAnswer {
  readonly number: number;
  readonly outcomes: readonly { readonly run: string }[];
}

function parseStartsAnswer({ number, outcomes }: WireStartsAnswer): StartsAnswer {
  return { number, runs: outcomes.map(({ run }) => (run === '' ? null : parsePendingRun(run))) };
}

function parsePendingRun(text: string): PendingRun {
  const run = runRecord.decode(text);
  if (run.state !== 'pending') throw new Error('a run that was just made is pending');
  return run;
}

interface WireLogs {
  readonly engine: string;
  readonly attemptId: string;
  readonly follow: boolean;
  readonly fromStdout: number;
  readonly fromStderr: number;
}

function logsToWire({ from, ...request }: LogsRequest): WireLogs {
  return { ...request, fromStdout: from.stdout, fromStderr: from.stderr };
}

function parseLogs({ fromStdout, fromStderr, ...request }: WireLogs): LogsRequest {
  return { ...request, from: { stdout: Math.max(0, fromStdout), stderr: Math.max(0, fromStderr) } };
}

/** As numbered in the contract. */
const STDERR = 1;

interface WireChunk {
  readonly stream: number;
  readonly atMs: number;
  readonly data: Uint8Array;
}

function chunkToWire({ stream, at, bytes }: StreamChunk): WireChunk {
  return { stream: stream === 'stderr' ? STDERR : 0, atMs: whole(at), data: bytes };
}

function parseChunk({ stream, atMs, data }: WireChunk): StreamChunk {
  return { stream: stream === STDERR ? 'stderr' : 'stdout', at: atMs, bytes: data };
}

function execInputToWire(input: ExecInput): object {
  switch (input.kind) {
    case 'start':
      return { start: input.start };
    case 'data':
      return { data: input.bytes };
    case 'resize':
      return { resize: input.size };
  }
}

interface WireExecInput {
  readonly start?: ExecStart;
  readonly data?: Uint8Array;
  readonly resize?: TerminalSize;
}

function parseExecInput({ start, data, resize }: WireExecInput): ExecInput {
  if (start !== undefined) return { kind: 'start', start };
  if (data !== undefined) return { kind: 'data', bytes: data };
  if (resize !== undefined) return { kind: 'resize', size: resize };
  throw new Error('an input of an unknown kind');
}

function execOutputToWire(output: ExecOutput): object {
  switch (output.kind) {
    case 'started':
      return { started: {} };
    case 'output':
      return { output: chunkToWire(output.chunk) };
    case 'ended':
      return { ended: output.exitCode === null ? {} : { exitCode: output.exitCode } };
  }
}

interface WireExecOutput {
  readonly started?: object;
  readonly output?: WireChunk;
  readonly ended?: { readonly exitCode?: number };
}

function parseExecOutput({ started, output, ended }: WireExecOutput): ExecOutput {
  if (started !== undefined) return { kind: 'started' };
  if (output !== undefined) return { kind: 'output', chunk: parseChunk(output) };
  if (ended !== undefined) return { kind: 'ended', exitCode: ended.exitCode ?? null };
  throw new Error('an output of an unknown kind');
}
