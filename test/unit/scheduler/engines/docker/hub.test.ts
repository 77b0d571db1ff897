import { describe, expect, test } from 'vitest';
import { createHub } from '../../../../../scheduler/engines/docker/hub.ts';
import type { AttemptReport } from '../../../../../scheduler/engines/port.ts';
import {
  attemptId,
  parseNamespaceId,
  parsePipelineId,
  parseRunId,
  parseTaskId,
} from '../../../../../store/model/ids.ts';

const id = attemptId(
  {
    namespaceId: parseNamespaceId('team'),
    pipelineId: parsePipelineId('nightly'),
    runId: parseRunId(1),
    taskId: parseTaskId('t'),
  },
  1,
);
const PENDING: AttemptReport = { id, state: 'pending', note: 'pulling' };
const RUNNING: AttemptReport = { id, state: 'running', startedAt: 1 };
const ENDED: AttemptReport = { id, state: 'ended', startedAt: 1, endedAt: 2, end: { kind: 'exited', code: 0 } };

function listening() {
  const told: AttemptReport[] = [];
  const missed: string[] = [];
  const hub = createHub();
  const leaving = new AbortController();
  hub.attach({ changed: (report) => told.push(report), missed: (why) => missed.push(why) }, leaving.signal);
  return { hub, told, missed, leaving };
}

describe('the listener', () => {
  test.each<{ name: string; said: AttemptReport[]; wanted: AttemptReport[] }>([
    {
      name: 'hears each state once',
      said: [PENDING, RUNNING, RUNNING, ENDED, ENDED],
      wanted: [PENDING, RUNNING, ENDED],
    },
    { name: 'hears nothing old after something new', said: [ENDED, RUNNING, PENDING], wanted: [ENDED] },
    {
      name: 'hears new notes',
      said: [PENDING, { ...PENDING, note: 'half' }],
      wanted: [PENDING, { ...PENDING, note: 'half' }],
    },
    { name: 'does not hear of what is not known', said: [{ id, state: 'unknown' }], wanted: [] },
  ])('$name', ({ said, wanted }) => {
    const { hub, told } = listening();
    for (const report of said) hub.tell(report);
    expect(told).toEqual(wanted);
  });

  test('hears nothing any more once it has left', () => {
    const { hub, told, missed, leaving } = listening();
    leaving.abort();
    hub.tell(ENDED);
    hub.missed('x');
    expect([told, missed]).toEqual([[], []]);
  });
});
