// `gofer event …`

import type { Command } from 'commander';
import type { EventOptions } from '../../../sdk/client/stream-options.ts';
import type { Event } from '../../../sdk/client/types.ts';
import { usageError } from '../cli-error.ts';
import { done, type Answer, type Context } from '../context.ts';
import { action, leaf, type Host } from '../host.ts';
import { runNumber, wholeNumber } from '../parse-arguments.ts';
import { renderDetails } from '../text/details.ts';
import { visible } from '../text/display.ts';

interface Filters {
  readonly kind?: string;
  readonly pipeline?: string;
  readonly run?: string;
  readonly after?: string;
}

interface ListOptions extends Filters {
  readonly reverse?: boolean;
  readonly history: boolean;
  readonly follow: boolean;
  readonly limit?: string;
}

export function defineEvent(family: Command, host: Host): void {
  defineList(family, host);
  addFilters(
    leaf(family, {
      usage: 'stream',
      summary: 'Print events from now on, until Ctrl-C',
      examples: ['gofer event stream', 'gofer event stream --pipeline hello --kind completed_run --json'],
    }),
  ).action(
    action(host, async (context, filters: Filters, command: Command) => {
      await showEvents(context, filterOf(context, filters, command));
    }),
  );
  leaf(family, {
    usage: 'get <event>',
    summary: 'Show an event',
    examples: ['gofer event get 0190f6c2-7b1e-7000-8000-000000000001'],
  }).action(
    action(host, async ({ client, show }, eventId: string) => {
      const { event } = await client.getEvent({ eventId });
      show({ json: { event }, text: eventView(event) });
    }),
  );
  leaf(family, {
    usage: 'delete <event>',
    summary: 'Delete an event',
    examples: ['gofer event delete 0190f6c2-7b1e-7000-8000-000000000001'],
  }).action(
    action(host, async ({ client, show }, eventId: string) => {
      await client.deleteEvent({ eventId });
      show(done({ deleted: { event_id: eventId } }, `Deleted event ${eventId}`));
    }),
  );
}

function defineList(family: Command, host: Host): void {
  const list = leaf(family, {
    usage: 'list',
    summary: 'Print the events so far, oldest first, then those that come, until Ctrl-C',
    examples: [
      'gofer event list --no-follow --limit 20    the last 20, then end',
      'gofer event list --reverse                 newest first, then end',
      'gofer event list --pipeline hello --run 7',
    ],
  })
    .option('-r, --reverse', 'newest first, then end')
    .option('-n, --history', 'begin with the events so far', true)
    .option('--no-history', 'only those that come')
    .option('-f, --follow', 'go on with those that come', true)
    .option('--no-follow', 'end after the events so far')
    .option('-l, --limit <count>', 'of the events so far, only this many of the newest');
  addFilters(list).action(action(host, listEvents));
}

function addFilters(command: Command): Command {
  return command
    .option('--kind <kinds>', 'only these kinds, separated by commas: completed_run,started_run')
    .option('--pipeline <id>', 'only of this pipeline')
    .option('--run <number>', 'only of this run; with --pipeline')
    .option('--after <event>', 'only those after the event with this id');
}

async function listEvents(context: Context, options: ListOptions, command: Command): Promise<void> {
  const { history, follow, reverse = false } = options;
  const filter = filterOf(context, options, command);
  const limit = options.limit === undefined ? null : wholeNumber('--limit', options.limit);
  if (!history && (reverse || !follow))
    throw usageError('--no-history leaves only what comes, so it must be followed.');
  if (reverse) return showEvents(context, { ...filter, history, reverse }, limit);
  if (follow && (limit === null || !history)) return showEvents(context, { ...filter, history });
  const newest = await newestEvents(context, filter, limit);
  for (const event of newest) context.showLine(eventLine(event));
  if (!follow) return;
  const after = newest.at(-1)?.id;
  // With no event at all, there is no place to go on from but the beginning.
  await showEvents(context, after === undefined ? { ...filter, history } : { ...filter, after });
}

type Filter = Omit<EventOptions, 'history' | 'reverse'>;

/** Events of all namespaces, unless one was asked for, or a pipeline, which is always one of a namespace. */
function filterOf({ settings, signal }: Context, options: Filters, command: Command): Filter {
  const { kind, pipeline, run, after } = options;
  if (run !== undefined && pipeline === undefined) throw usageError('--run wants --pipeline: run numbers are its own.');
  const globals: { readonly namespace?: unknown } = command.optsWithGlobals();
  const hasNamespace = pipeline !== undefined || globals.namespace !== undefined;
  return {
    signal,
    ...(kind === undefined ? {} : { kind }),
    ...(after === undefined ? {} : { after }),
    ...(hasNamespace ? { namespaceId: settings.namespace } : {}),
    ...(pipeline === undefined ? {} : { pipelineId: pipeline }),
    ...(run === undefined ? {} : { runId: runNumber(run) }),
  };
}

async function showEvents(context: Context, options: EventOptions, limit: number | null = null): Promise<void> {
  const { client, showLine, terminal } = context;
  let shown = 0;
  if (limit === 0) return;
  for await (const event of client.streamEvents(options)) {
    showLine(eventLine(event));
    await terminal.drained();
    shown += 1;
    if (shown === limit) return;
  }
}

/** Oldest first. */
async function newestEvents({ client }: Context, filter: Filter, limit: number | null): Promise<readonly Event[]> {
  const events: Event[] = [];
  if (limit === 0) return events;
  for await (const event of client.streamEvents({ ...filter, history: true, reverse: true })) {
    events.push(event);
    if (events.length === limit) break;
  }
  return events.reverse();
}

/** The kind as it is on the wire: details differ from kind to kind. */
function eventLine(event: Event): Answer {
  return {
    json: event,
    text: ({ paint }) => {
      const time = new Date(event.emitted).toISOString();
      return `${paint('blue', time)} ${event.id}\n  ${visible(JSON.stringify(event.kind))}`;
    },
  };
}

function eventView(event: Event): Answer['text'] {
  const [name = '', details = {}] = Object.entries(event.kind)[0] ?? [];
  return ({ paint, time }) =>
    renderDetails(
      {
        title: `Event ${event.id}`,
        facts: [
          ['Kind', name],
          ['Emitted', `${time(event.emitted)} (${new Date(event.emitted).toISOString()})`],
        ],
        sections: [
          { title: 'Details', lines: Object.entries(details).map(([key, value]) => visible(`${key}: ${value}`)) },
        ],
      },
      paint,
    );
}
