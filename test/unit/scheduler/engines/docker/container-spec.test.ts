import { describe, expect, test } from 'vitest';
import type { AttemptSpec } from '../../../../../scheduler/engines/port.ts';
import {
  containerName,
  createBody,
  labelsOf,
  markName,
  parseInstallation,
  tracePath,
} from '../../../../../scheduler/engines/docker/container-spec.ts';
import type { AttemptId } from '../../../../../store/model/ids.ts';
import {
  attemptId,
  parseNamespaceId,
  parsePipelineId,
  parseRunId,
  parseTaskId,
} from '../../../../../store/model/ids.ts';

const ID = anId('build_all.x');
const OWNER = { installation: 'abc', creator: 'one' };

function anId(task: string): AttemptId {
  const taskId = parseTaskId(task);
  const run = { namespaceId: parseNamespaceId('team'), pipelineId: parsePipelineId('nightly'), runId: parseRunId(7) };
  return attemptId({ ...run, taskId }, 2);
}

function aSpec(changes: Partial<AttemptSpec> = {}): AttemptSpec {
  return {
    id: ID,
    image: 'busybox',
    entrypoint: null,
    command: null,
    env: {},
    registryAuth: null,
    pull: 'missing',
    resources: { cpuMillis: 0, memoryMib: 0 },
    ...changes,
  };
}

describe('container of an attempt', () => {
  test('the name holds the installation and the whole id, and fits what Docker allows', () => {
    const name = containerName('abc', ID);
    expect(name).toBe('gofer-abc-team_nightly_7_build_all.x_2');
    expect(name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
  });

  test('a mark of one attempt is never the name of another, and the longest fits in a file name', () => {
    expect(markName('abc', anId('x'), 'forgotten')).not.toBe(containerName('abc', anId('x.forgotten')));
    const longest = attemptId(
      {
        namespaceId: parseNamespaceId('n'.repeat(32)),
        pipelineId: parsePipelineId('p'.repeat(32)),
        runId: parseRunId(Number.MAX_SAFE_INTEGER),
        taskId: parseTaskId('t'.repeat(64)),
      },
      999_999,
    );
    expect(markName('i'.repeat(32), longest, 'forgotten').length).toBeLessThan(255);
  });

  test('the labels name every part of the id', () => {
    expect(labelsOf('abc', ID)).toEqual({
      'io.gofer.installation': 'abc',
      'io.gofer.attempt': ID,
      'io.gofer.namespace': 'team',
      'io.gofer.pipeline': 'nightly',
      'io.gofer.run': '7',
      'io.gofer.task': 'build_all.x',
    });
  });

  test('it is neither restarted nor removed by the daemon, and its log keeps every byte', () => {
    expect(createBody(OWNER, aSpec()).HostConfig).toMatchObject({
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'local' },
    });
  });

  test('the directory that tells of its start is another one in each attempt and installation', () => {
    const paths = [tracePath('abc', ID), tracePath('abd', ID), tracePath('abc', anId('other'))];
    expect(new Set(paths).size).toBe(3);
    for (const path of paths) expect(path).toMatch(/^\/\.gofer-[0-9a-f]{16}$/);
    const { Tmpfs } = createBody(OWNER, aSpec()).HostConfig as { readonly Tmpfs: Readonly<Record<string, string>> };
    expect(Object.keys(Tmpfs)).toEqual([tracePath('abc', ID)]);
    expect(Tmpfs[tracePath('abc', ID)]?.split(',')).toContain('ro');
  });

  test('what is null is left to the image', () => {
    const body = createBody(OWNER, aSpec());
    expect(body).not.toHaveProperty('Cmd');
    expect(body).not.toHaveProperty('Entrypoint');
  });

  test.each([
    { resources: { cpuMillis: 0, memoryMib: 0 }, wanted: {} },
    { resources: { cpuMillis: 250, memoryMib: 0 }, wanted: { NanoCpus: 250_000_000 } },
    { resources: { cpuMillis: 0, memoryMib: 64 }, wanted: { Memory: 67_108_864, MemorySwap: 67_108_864 } },
  ])('limits $resources', ({ resources, wanted }) => {
    const { NanoCpus, Memory, MemorySwap } = createBody(OWNER, aSpec({ resources })).HostConfig as Record<
      string,
      number
    >;
    expect(JSON.parse(JSON.stringify({ NanoCpus, Memory, MemorySwap }))).toEqual(wanted);
  });

  test('variables keep their values, also with "=" and line ends', () => {
    const env = { A: 'x=y', B: 'one\ntwo', C: '' };
    expect(createBody(OWNER, aSpec({ env })).Env).toEqual(['A=x=y', 'B=one\ntwo', 'C=']);
  });

  test.each(['', 'a-b', 'a_b', 'a'.repeat(33), 'ü'])('installation %j is refused', (text) => {
    expect(() => parseInstallation(text)).toThrow(expect.objectContaining({ code: 'invalid' }));
  });
});
