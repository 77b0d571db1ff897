// Parts of the composition that stand alone: what a node remembers, what it says of its engine, its life as a balancer sees it, the one
// directory of objects, the news in its log.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import type { ClusterNode, ClusterStatus } from '../../../../cluster/join.ts';
import { tellClusterNews } from '../../../../cmd/server/cluster-news.ts';
import { describeEngine } from '../../../../cmd/server/describe-engine.ts';
import { describeMachine, isProcessGone } from '../../../../cmd/server/describe-self.ts';
import { createLifecycle } from '../../../../cmd/server/lifecycle.ts';
import { createLocalMemory } from '../../../../cmd/server/local-memory.ts';
import { createLog } from '../../../../cmd/server/log.ts';
import { requireOneDirectory } from '../../../../cmd/server/shared-directory.ts';
import type { Engine } from '../../../../scheduler/engines/port.ts';
import { AppError } from '../../../../store/model/errors.ts';
import { createMemoryStore } from '../../../../store/state/memory/memory-store.ts';
import { temporaryDirectory } from '../../../temporary-directory.ts';

const QUIET = createLog({ level: 'off', pretty: false, write: () => undefined, colours: false });
const REMEMBERED = { clusterId: 'c1', highestRevision: 7, highestTerm: 5 };

test('memory: what was written is read, also by the next process; nothing else stays behind', async () => {
  await using directory = await temporaryDirectory();
  const file = path.join(directory.path, 'cluster.json');
  const memory = createLocalMemory(file);
  expect(await memory.read()).toBeNull();
  await Promise.all([1, 2, 3].map((term) => memory.write({ ...REMEMBERED, highestTerm: term })));
  await memory.write(REMEMBERED);
  expect(await createLocalMemory(file).read()).toEqual(REMEMBERED);
  expect(await readdir(directory.path)).toEqual(['cluster.json']);
});

test.each(
  ['', '{', 'null', '[]', '{}', '{"clusterId":"","highestRevision":1,"highestTerm":1}'].concat(
    ['"x"', '-1', '1.5', 'null'].map((bad) => `{"clusterId":"c","highestRevision":${bad},"highestTerm":1}`),
  ),
)('memory: %j is damaged, and says which file to delete', async (text) => {
  await using directory = await temporaryDirectory();
  const file = path.join(directory.path, 'cluster.json');
  await writeFile(file, text);
  await expect(createLocalMemory(file).read()).rejects.toThrow(file);
});

/** Answers with its identity, or not at all. */
function anEngine(identity: string | null): Engine {
  const ask = () =>
    identity === null
      ? Promise.reject(new AppError('unavailable', 'no answer', { detail: 'refused' }))
      : Promise.resolve(identity);
  return { kind: 'docker', reach: { scope: 'shared', where: 'tcp://d:1' }, identity: ask } as unknown as Engine;
}

test('engine: what it said last time counts while it does not answer', async () => {
  await using directory = await temporaryDirectory();
  const options = { file: path.join(directory.path, 'engine.json'), alone: false, log: QUIET };
  const told = { kind: 'docker', where: 'tcp://d:1', identity: 'docker 1' };
  expect(await describeEngine(anEngine('docker 1'), options)).toEqual(told);
  expect(await describeEngine(anEngine(null), options)).toEqual(told);
  expect(await describeEngine(anEngine('docker 2'), options)).toEqual({ ...told, identity: 'docker 2' });
});

test('engine: a node alone starts without knowing it', async () => {
  await using directory = await temporaryDirectory();
  const options = { file: path.join(directory.path, 'engine.json'), alone: true, log: QUIET };
  expect(await describeEngine(anEngine(null), options)).toMatchObject({ identity: '' });
});

test('engine: what another one said does not count', async () => {
  await using directory = await temporaryDirectory();
  const options = { file: path.join(directory.path, 'engine.json'), alone: true, log: QUIET };
  await writeFile(options.file, JSON.stringify({ kind: 'docker', where: 'tcp://other:1', identity: 'docker 9' }));
  expect(await describeEngine(anEngine(null), options)).toMatchObject({ identity: '' });
});

test('self: this process is not gone, and one that never was is', () => {
  expect(isProcessGone(process.pid)).toBe(false);
  expect(isProcessGone(4_194_304)).toBe(true);
  expect(describeMachine()).toBe(describeMachine());
});

function aNode(changed: Partial<ClusterStatus> = {}): Pick<ClusterNode, 'status' | 'readiness'> & ClusterNode {
  const status: ClusterStatus = {
    ...{
      leader: false,
      term: 4,
      leaderName: 'n2',
      members: [],
      engine: null,
      format: 1,
      standsBack: null,
      problems: [],
    },
    ...changed,
  };
  return { status: () => status, readiness: () => ({ ready: true, reasons: [] }) } as unknown as ClusterNode;
}

test('lifecycle: not ready while starting and stopping; with others there a stop waits', async () => {
  const members = [{}, {}] as unknown as ClusterStatus['members'];
  const lifecycle = createLifecycle({ drainMs: 20 });
  expect(lifecycle.readiness()).toEqual({ ready: false, reasons: ['The node is starting.'] });
  lifecycle.started(aNode({ members }));
  expect(lifecycle.readiness().ready).toBe(true);
  const since = performance.now();
  const drained = lifecycle.drain();
  expect(lifecycle.readiness()).toEqual({ ready: false, reasons: ['The node is stopping.'] });
  expect(lifecycle.isStopping()).toBe(true);
  await drained;
  expect(performance.now() - since).toBeGreaterThanOrEqual(18);
});

test('lifecycle: a node that is alone does not wait for a balancer', async () => {
  const lifecycle = createLifecycle({ drainMs: 3_600_000 });
  lifecycle.started(aNode());
  await lifecycle.drain();
  expect(lifecycle.isStopping()).toBe(true);
});

test('objects: the first node decides on the directory, others must have the same one', async () => {
  await using directory = await temporaryDirectory();
  const state = createMemoryStore();
  const [shared, own] = [path.join(directory.path, 'shared', 'objects'), path.join(directory.path, 'own')];
  await Promise.all([1, 2, 3].map(() => requireOneDirectory(state, shared)));
  await mkdir(own);
  await expect(requireOneDirectory(state, own)).rejects.toThrow(`${own} is not the directory`);
  await expect(requireOneDirectory(state, shared)).resolves.toBeUndefined();
  expect((await readdir(shared)).length).toBe(1);
  expect((await readFile(path.join(shared, 'directory-id'), 'utf8')).trim()).not.toBe('');
  await state.close();
});

test('news: who leads and each problem are told once, and that all is well again', () => {
  vi.useFakeTimers();
  const told: string[] = [];
  const log = {
    info: (fields: object, message: string) => told.push(`${message} ${JSON.stringify(fields)}`),
    warn: (fields: object, message: string) => told.push(`! ${message} ${JSON.stringify(fields)}`),
  };
  let status = aNode().status();
  const end = tellClusterNews({ status: () => status }, log as never);
  const change = (changed: Partial<ClusterStatus>) => {
    status = { ...status, ...changed };
    vi.advanceTimersByTime(2_000);
  };
  change({ problems: ['slow for 1.5 s'] });
  change({ problems: ['slow for 2.5 s'] });
  change({ leaderName: null, term: null });
  change({ leader: true, leaderName: 'n1', term: 6, problems: ['slow for 3 s', 'late'] });
  change({ problems: [] });
  change({ leader: false, leaderName: 'n3', term: 9, standsBack: 'another engine' });
  end();
  change({ leaderName: 'n4' });
  vi.useRealTimers();
  expect(told).toEqual([
    'another node leads {"leader":"n2","term":4}',
    '! problem in the cluster {"problem":"slow for 1.5 s"}',
    '! nobody leads {}',
    'this node leads {"term":6}',
    '! problem in the cluster {"problem":"late"}',
    'the cluster is well again {}',
    'another node leads, this one stands back {"leader":"n3","term":9,"standsBack":"another engine"}',
  ]);
});
