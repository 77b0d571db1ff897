import { describe, expect, test } from 'vitest';
import {
  errorMessage,
  parseContainer,
  parseContainerList,
  parseEvent,
  parsePullLine,
} from '../../../../../scheduler/engines/docker/answers-parse.ts';

const ANSWER = {
  Id: 'c1',
  Created: '2026-01-02T03:04:05.123456789Z',
  Config: { Labels: { 'io.gofer.creator': 'one' } },
  State: {
    Status: 'exited',
    Running: false,
    OOMKilled: false,
    ExitCode: 3,
    Error: '',
    StartedAt: '2026-01-02T03:04:06.5Z',
    FinishedAt: '2026-01-02T03:04:07.999999999Z',
  },
};

describe('answers of the daemon', () => {
  test('an inspection is read, to the millisecond', () => {
    expect(parseContainer(ANSWER)).toMatchObject({
      containerId: 'c1',
      createdAt: Date.parse('2026-01-02T03:04:05.123Z'),
      startedAt: Date.parse('2026-01-02T03:04:06.500Z'),
      finishedAt: Date.parse('2026-01-02T03:04:07.999Z'),
      exitCode: 3,
    });
  });

  test('the year 1 means that it has not happened', () => {
    const never = '0001-01-01T00:00:00Z';
    const state = { ...ANSWER.State, StartedAt: never, FinishedAt: never };
    expect(parseContainer({ ...ANSWER, State: state })).toMatchObject({ startedAt: 0, finishedAt: 0 });
  });

  test.each([null, [], 'text', {}, { Id: 'c1' }, { ...ANSWER, State: { ...ANSWER.State, ExitCode: '3' } }])(
    'an inspection of %j is refused as unavailable',
    (body) => expect(() => parseContainer(body)).toThrow(expect.objectContaining({ code: 'unavailable' })),
  );

  test('containers without our label, or with nonsense in it, are nobody of ours', () => {
    const entry = { Id: 'c1', Created: 1, State: 'exited' };
    const labels = [
      undefined,
      null,
      {},
      { 'io.gofer.attempt': 'nonsense' },
      { 'io.gofer.attempt': 'team_nightly_1_t_1' },
    ];
    const parsed = parseContainerList(labels.map((Labels) => ({ ...entry, Labels })));
    expect(parsed.map(({ attempt }) => attempt)).toEqual([null, null, null, null, 'team_nightly_1_t_1']);
  });

  test('an event tells the attempt', () => {
    const event = { Action: 'die', Actor: { ID: 'c1', Attributes: { 'io.gofer.attempt': 'team_nightly_1_t_1' } } };
    expect(parseEvent(JSON.stringify(event))).toEqual({
      action: 'die',
      containerId: 'c1',
      attempt: 'team_nightly_1_t_1',
    });
  });

  test.each(['', '{', 'null', '{"Action":1}'])('the event %j is refused as unavailable', (line) => {
    expect(() => parseEvent(line)).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });

  test('a line of a pull may hold next to nothing', () => {
    expect(parsePullLine('{}')).toEqual({ layer: '', status: '', current: 0, total: 0, error: null });
  });

  test.each([
    [{ message: ' boom ' }, 'boom'],
    [null, 'no reason given'],
    ['text', 'no reason given'],
  ])('the reason in %j', (body, wanted) => expect(errorMessage(body)).toBe(wanted));
});
