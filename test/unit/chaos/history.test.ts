// How a chaos run hears of bodies and leaders.

import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BodyMark } from '../../../chaos/checks/evidence.ts';
import {
  parseAttemptContainers,
  parseContainerEvent,
  parseContainerLife,
} from '../../../chaos/history/parse-docker.ts';
import { parseLeader, parseWatchLine } from '../../../chaos/history/parse-leader-events.ts';
import { parseWitnessLine } from '../../../chaos/history/parse-witness.ts';
import { watchWitness } from '../../../chaos/history/witness.ts';
import { uptimeOffset } from '../../../chaos/history/machine-clock.ts';
import { startsIn } from '../../../chaos/links/docker-requests.ts';
import { bodyText, fileTelling } from '../../../chaos/workload/scripts.ts';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { eventually } from '../../eventually.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

const context = { uptimeOffset: 500, nodeOf: (url: string) => (url === 'http://a' ? 'node-1' : '') };
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64');

describe('witness', () => {
  test.each([
    [
      'start default_flow_1_a_1 12.34 http://a',
      { mark: 'start', attempt: 'default_flow_1_a_1', at: 12_840, node: 'node-1' },
    ],
    ['end default_flow_1_a_1 12.35 http://b', { mark: 'end', attempt: 'default_flow_1_a_1', at: 12_850, node: '' }],
    ['start default_flow_1_a_1', null],
    ['', null],
    ['begin x 1.0 http://a', null],
  ])('line %j', (line, wanted) => {
    expect(parseWitnessLine(line, context)).toEqual(wanted);
  });

  test('a body tells its attempt by the directory that it was given, first and last, on the clock of this process', async () => {
    await using directory = await temporaryDirectory();
    const file = path.join(directory.path, 'witness.log');
    const work = path.join(directory.path, 'default_flow_1_only_1', 'work');
    mkdirSync(work, { recursive: true });
    await using witness = watchWitness(file, (url) => url);
    const heard: BodyMark[] = [];
    witness.onMark((mark) => heard.push(mark));
    const [shell = '', ...args] = bodyText({ telling: fileTelling(file), work: ':' });
    const before = performance.now();
    spawnSync(shell, args, { cwd: work, env: { GOFER_API_BASE_URL: 'http://a' } });
    await eventually(() => expect(heard).toHaveLength(2));
    expect(heard).toMatchObject([
      { mark: 'start', attempt: 'default_flow_1_only_1', node: 'http://a' },
      { mark: 'end', attempt: 'default_flow_1_only_1', node: 'http://a' },
    ]);
    // A tick of the uptime is 10 ms, and it is taken twice.
    expect(Math.abs((heard[0]?.at ?? 0) - before)).toBeLessThan(1_000);
    expect(witness.marks).toEqual(heard);
  });

  test('a line that is only half written is read when it is whole', async () => {
    await using directory = await temporaryDirectory();
    const file = path.join(directory.path, 'witness.log');
    await using witness = watchWitness(file, () => '');
    await appendFile(file, 'start default_flow_1_a_1 1');
    await witness.catchUp();
    expect(witness.marks).toEqual([]);
    await appendFile(file, '2.50 http://a\nend');
    await witness.catchUp();
    expect(witness.marks).toMatchObject([{ mark: 'start', at: 12_500 + uptimeOffset() }].map(({ mark }) => ({ mark })));
  });
});

describe('leader key', () => {
  const claim = base64({ name: 'node-2', nodeId: 'b', nonce: 'x', lease: '1' });

  test('a put that creates it begins a term, a delete ends it, a further put is neither', () => {
    const line = JSON.stringify({
      result: {
        events: [
          { kv: { value: claim, create_revision: '12', mod_revision: '12' } },
          { kv: { value: claim, create_revision: '12', mod_revision: '15' } },
          { type: 'DELETE', kv: { mod_revision: '20' } },
        ],
      },
    });
    expect(parseWatchLine(line)).toEqual([
      { what: 'began', revision: 12, term: 12, name: 'node-2', nodeId: 'b' },
      { what: 'ended', revision: 20 },
    ]);
  });

  test('a watch from a revision that is gone says where it may begin', () => {
    const line = JSON.stringify({ result: { canceled: true, compact_revision: '77' } });
    expect(parseWatchLine(line)).toEqual([{ what: 'compacted', revision: 77 }]);
  });

  test('a range tells who leads, or that nobody does', () => {
    const kvs = [{ value: claim, create_revision: '12', mod_revision: '12' }];
    expect(parseLeader(JSON.stringify({ header: { revision: '30' }, kvs }))).toMatchObject({ what: 'began', term: 12 });
    expect(parseLeader(JSON.stringify({ header: { revision: '30' } }))).toEqual({ what: 'ended', revision: 30 });
  });
});

describe('docker', () => {
  test('starts of containers are read off the wire, with and without a version in the path', () => {
    const requests = [
      'POST /v1.40/containers/4f2a/start HTTP/1.1\r\nHost: docker\r\n\r\n',
      'POST /containers/77bc/start HTTP/1.1\r\n\r\n',
      'GET /containers/99aa/json HTTP/1.1\r\n\r\n',
    ];
    expect(startsIn(Buffer.from(requests.join('')))).toEqual(['4f2a', '77bc']);
  });

  test('an event of a container of ours is a start or an end, with its attempt', () => {
    const event = {
      ...{ Type: 'container', Action: 'start', timeNano: 1_700_000_000_000_000_000 },
      Actor: { ID: 'abc', Attributes: { 'io.gofer.attempt': 'default_flow_1_a_1' } },
    };
    expect(parseContainerEvent(JSON.stringify(event))).toMatchObject({
      action: 'start',
      attempt: 'default_flow_1_a_1',
    });
    expect(parseContainerEvent(JSON.stringify({ ...event, Action: 'create' }))).toBeNull();
    expect(parseContainerEvent(JSON.stringify({ ...event, Type: 'network' }))).toBeNull();
  });

  test('of all containers those of attempts are told', () => {
    const list = [
      { Id: 'a' },
      { Id: 'b', Labels: { 'io.gofer.attempt': 'default_flow_1_a_1' } },
      { Id: 'c', Labels: {} },
    ];
    expect(parseAttemptContainers(JSON.stringify(list))).toEqual([{ containerId: 'b', attempt: 'default_flow_1_a_1' }]);
  });

  const NEVER = '0001-01-01T00:00:00Z';
  test.each([
    ['created', { StartedAt: NEVER, FinishedAt: NEVER }, { startedAt: null, endedAt: null }],
    [
      'runs',
      { Running: true, StartedAt: '1970-01-01T00:00:02Z', FinishedAt: NEVER },
      { startedAt: 2_000, endedAt: null },
    ],
    ['runs since nobody knows when', { Running: true, StartedAt: NEVER, FinishedAt: NEVER }, { startedAt: 1_000 }],
    ['ended', { StartedAt: NEVER, FinishedAt: '1970-01-01T00:00:03Z' }, { startedAt: 1_000, endedAt: 3_000 }],
  ])('a container that %s', (_name, changes, wanted) => {
    const state = { Running: false, ExitCode: 0, ...changes };
    const text = JSON.stringify({ Created: '1970-01-01T00:00:01Z', State: state });
    expect(parseContainerLife(text)).toMatchObject(wanted);
  });
});
