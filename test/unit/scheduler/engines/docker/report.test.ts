import { describe, expect, test } from 'vitest';
import type { Container } from '../../../../../scheduler/engines/docker/answers-parse.ts';
import type { SentSignal } from '../../../../../scheduler/engines/docker/report.ts';
import { isLeftover, reportOf, startProblem } from '../../../../../scheduler/engines/docker/report.ts';
import {
  attemptId,
  parseNamespaceId,
  parsePipelineId,
  parseRunId,
  parseTaskId,
} from '../../../../../store/model/ids.ts';

const ID = attemptId(
  {
    namespaceId: parseNamespaceId('team'),
    pipelineId: parsePipelineId('nightly'),
    runId: parseRunId(1),
    taskId: parseTaskId('t'),
  },
  1,
);

function aContainer(changes: Partial<Container> = {}): Container {
  return {
    containerId: 'c1',
    creator: 'one',
    createdAt: 100,
    status: 'exited',
    running: false,
    oomKilled: false,
    exitCode: 0,
    error: '',
    startedAt: 200,
    finishedAt: 300,
    ...changes,
  };
}

const CREATED = { status: 'created', startedAt: 0, finishedAt: 0 } as const;

describe('what a container says of its attempt', () => {
  test.each<{ name: string; container: Partial<Container>; wanted: object }>([
    { name: 'created', container: CREATED, wanted: { state: 'pending' } },
    {
      name: 'created with an error',
      container: { ...CREATED, exitCode: 127, error: 'boom' },
      wanted: { state: 'ended', startedAt: 0, endedAt: 100, end: { kind: 'not_started', why: 'boom' } },
    },
    {
      name: 'created with a code and no words',
      container: { ...CREATED, exitCode: 128 },
      wanted: { state: 'ended', end: { kind: 'not_started', why: 'the start failed' } },
    },
    {
      name: 'running',
      container: { status: 'running', running: true, finishedAt: 0 },
      wanted: { state: 'running', startedAt: 200 },
    },
    { name: 'paused', container: { status: 'paused', running: true, finishedAt: 0 }, wanted: { state: 'running' } },
    {
      name: 'ended well',
      container: {},
      wanted: { state: 'ended', startedAt: 200, endedAt: 300, end: { kind: 'exited', code: 0 } },
    },
    { name: 'ended badly', container: { exitCode: 3 }, wanted: { end: { kind: 'exited', code: 3 } } },
    { name: 'dead', container: { status: 'dead', exitCode: 1 }, wanted: { state: 'ended' } },
    {
      name: 'ended before its start was noted',
      container: { startedAt: 300, finishedAt: 290 },
      wanted: { state: 'ended', startedAt: 300, endedAt: 300 },
    },
    {
      name: 'found running by a daemon that does not know since when',
      container: { ...CREATED, status: 'running', running: true },
      wanted: { state: 'running', startedAt: 100 },
    },
    {
      name: 'ended, and the daemon does not know when it began',
      container: { ...CREATED, finishedAt: 300, exitCode: 3 },
      wanted: { state: 'ended', startedAt: 100, endedAt: 300, end: { kind: 'exited', code: 3 } },
    },
    {
      name: 'killed for its memory',
      container: { oomKilled: true, exitCode: 137 },
      wanted: { end: { kind: 'out_of_memory' } },
    },
    {
      name: 'a child killed for its memory, the body well',
      container: { oomKilled: true },
      wanted: { end: { kind: 'exited', code: 0 } },
    },
    { name: 'code 137 that nobody sent', container: { exitCode: 137 }, wanted: { end: { kind: 'exited', code: 137 } } },
  ])('$name', ({ container, wanted }) => expect(reportOf(ID, aContainer(container), new Set())).toMatchObject(wanted));

  test.each<{ sent: SentSignal[]; exitCode: number; end: object }>([
    { sent: ['SIGKILL'], exitCode: 137, end: { kind: 'signalled', signal: 'SIGKILL' } },
    { sent: ['SIGTERM', 'SIGKILL'], exitCode: 143, end: { kind: 'signalled', signal: 'SIGTERM' } },
    { sent: ['SIGTERM', 'SIGKILL'], exitCode: 9, end: { kind: 'exited', code: 9 } },
    { sent: ['SIGKILL'], exitCode: 143, end: { kind: 'exited', code: 143 } },
  ])('code $exitCode after $sent', ({ sent, exitCode, end }) => {
    expect(reportOf(ID, aContainer({ exitCode }), new Set(sent))).toMatchObject({ end });
  });

  test('only what was neither started nor refused is a leftover', () => {
    expect(
      [
        CREATED,
        { ...CREATED, error: 'x' },
        { ...CREATED, exitCode: 127 },
        { ...CREATED, running: true },
        { ...CREATED, finishedAt: 300 },
        {},
      ].map((changes) => isLeftover(aContainer(changes))),
    ).toEqual([true, false, false, false, false, false]);
  });

  test.each([
    [
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory: unknown',
      'exec: "/no/such": stat /no/such: no such file or directory',
    ],
    [
      'OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "x": executable file not found in $PATH: unknown',
      'exec: "x": executable file not found in $PATH',
    ],
    ['No command specified', 'No command specified'],
    ['', 'the start failed'],
  ])('%j is told as its last cause', (message, wanted) => expect(startProblem(message)).toBe(wanted));
});
