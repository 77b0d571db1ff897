// EVENT-ORDER, EVENT-SAME and EVENT-ALL: one global order, the same for all readers, without a gap and without a double.

import { eventPosition } from '../../store/model/event.ts';
import type { Check, EventList, EventSeen, Violation } from './evidence.ts';
import { finalRuns, groupBy, runPlace } from './run-places.ts';
import type { WholeRun } from './run-places.ts';

export const EVENT_ORDER: Check = {
  id: 'EVENT-ORDER',
  promise: 'Every reader is told of events in their order, each once, without a gap; also across broken streams.',
  judge: ({ events }) => events.flatMap((list) => [...disorder(list), ...gaps(list)]),
};

export const EVENT_SAME: Check = {
  id: 'EVENT-SAME',
  promise: 'All nodes tell the same events.',
  judge: ({ events }) => {
    const [first, ...others] = events.filter(({ whole }) => whole);
    if (first === undefined) return [];
    return others.flatMap((list) => {
      const index = firstDifference(first.events, list.events);
      if (index === null) return [];
      const what = `event ${index + 1} is ${told(list, index)} for ${list.reader}, and ${told(first, index)} for ${first.reader}`;
      return [{ check: 'EVENT-SAME', subject: list.reader, what, at: null }];
    });
  },
};

export const EVENT_ALL: Check = {
  id: 'EVENT-ALL',
  promise: 'The events of a run tell all of it: queued, started, its tasks and its end, each once and in this order.',
  judge: (evidence) =>
    evidence.events
      .filter(({ whole }) => whole)
      .flatMap(({ reader, events }) => {
        const byRun = groupBy(events, runPlace);
        return [...finalRuns(evidence)].flatMap(([place, run]) =>
          story(run, byRun.get(place) ?? []).map((what) => ({
            check: 'EVENT-ALL',
            subject: place,
            what: `${what} (${reader})`,
            at: null,
          })),
        );
      }),
};

function disorder({ reader, events }: EventList): readonly Violation[] {
  return events.flatMap(({ id }, index) => {
    const before = events[index - 1];
    if (before === undefined || before.id < id) return [];
    const what = `${id} came after ${before.id}${before.id === id ? ', a second time' : ''}`;
    return [{ check: 'EVENT-ORDER', subject: reader, what, at: null }];
  });
}

/** An id holds its segment and its place there: the next one is one further, or first in the next segment. */
function gaps({ reader, whole, events }: EventList): readonly Violation[] {
  return events.flatMap(({ id }, index) => {
    const here = eventPosition(id);
    const before = events[index - 1];
    if (here === null) return [{ check: 'EVENT-ORDER', subject: reader, what: `${id} is no event id`, at: null }];
    const last = before === undefined ? null : eventPosition(before.id);
    const isNext = last !== null && here.segment === last.segment && here.index === last.index + 1;
    const isFirst = here.index === 0 && (last === null ? here.segment === 1 : here.segment === last.segment + 1);
    if (isNext || isFirst || (last === null && !whole)) return [];
    const what = `${id} is event ${here.index} of segment ${here.segment}; before it came ${
      last === null ? 'nothing' : `event ${last.index} of segment ${last.segment}`
    }`;
    return [{ check: 'EVENT-ORDER', subject: reader, what, at: null }];
  });
}

function firstDifference(left: readonly EventSeen[], right: readonly EventSeen[]): number | null {
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const [one, other] = [left[index], right[index]];
    if (one === undefined || other === undefined || text(one) !== text(other)) return index;
  }
  return null;
}

function told({ events }: EventList, index: number): string {
  const event = events[index];
  return event === undefined ? 'missing' : text(event);
}

function text({ id, kind, pipeline, runId, task, status }: EventSeen): string {
  return [id, kind, pipeline, runId || '', task, status].filter((part) => part !== '').join(' ');
}

/** What is wrong with the events of one run. */
function story(run: WholeRun, events: readonly EventSeen[]): readonly string[] {
  const faults: string[] = [];
  const places = (kind: string, task = '') =>
    events.flatMap((event, index) => (event.kind === kind && event.task === task ? [index] : []));
  const [queued = -1, ...moreQueued] = places('queued_run');
  const [ended = -1, ...moreEnded] = places('completed_run');
  if (queued !== 0 || moreQueued.length > 0) faults.push('does not begin with one queued_run');
  if (ended !== events.length - 1 || ended < 0 || moreEnded.length > 0)
    faults.push('does not end with one completed_run');
  const started = places('started_run').length;
  if (started > 1 || (started === 0 && run.status === 'successful')) faults.push(`has started_run ${started} times`);
  for (const task of run.tasks) {
    const ends = places('completed_task_execution', task.task);
    const begins = places('created_task_execution', task.task);
    if (begins.length > 1) faults.push(`has created_task_execution of ${task.task} ${begins.length} times`);
    if (ends.length > 1) faults.push(`has completed_task_execution of ${task.task} ${ends.length} times`);
    if (ends.length === 0 && task.status === 'successful')
      faults.push(`has no completed_task_execution of ${task.task}`);
    if (begins[0] !== undefined && ends[0] !== undefined && begins[0] > ends[0]) {
      faults.push(`tells of the end of ${task.task} before its beginning`);
    }
  }
  return faults;
}
