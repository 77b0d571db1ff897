// The contract of api/proto/peer.proto as typed methods: what gRPC hands over is parsed already. The contract is read from its JSON form
// beside this file, so that it is part of every bundle; a test compares the two and writes the JSON form anew (vitest -u).

import type { MethodDefinition as GrpcMethod } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { MethodDefinition, Options, ServiceDefinition } from '@grpc/proto-loader';
import type { Pulse } from './port.ts';
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
