// `gofer pipeline object …` and `gofer run object …`: the same commands, one place deeper.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ObjectDownload } from '../../../sdk/client/download.ts';
import type { StoredObject } from '../../../sdk/client/types.ts';
import { CliError, unreadable, usageError } from '../cli-error.ts';
import { done, type Answer, type Context } from '../context.ts';
import { action, leaf, type Host } from '../host.ts';
import { runNumber } from '../parse-arguments.ts';
import { byteWords } from '../text/bytes.ts';
import { renderTable } from '../text/table.ts';

/** The calls of one level, with its place filled in. */
interface ObjectCalls {
  readonly list: () => Promise<{ readonly objects: readonly StoredObject[] }>;
  readonly get: (of: { readonly key: string }) => Promise<ObjectDownload>;
  readonly put: (object: PutObject) => Promise<{ readonly object: StoredObject }>;
  readonly remove: (of: { readonly key: string }) => Promise<undefined>;
}

interface PutObject {
  readonly key: string;
  readonly force: boolean;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ObjectLevel {
  /** The arguments that name the place: `<pipeline>`. */
  readonly place: string;
  /** Those of the examples. */
  readonly example: string;
  /** Takes its own arguments off the front. */
  readonly calls: (context: Context, place: readonly string[]) => ObjectCalls;
}

export const pipelineObjects: ObjectLevel = {
  place: '<pipeline>',
  example: 'pipeline object %s hello',
  calls: ({ client, settings }, [pipelineId = '']) => {
    const of = { namespaceId: settings.namespace, pipelineId };
    return {
      list: () => client.listPipelineObjects(of),
      get: (object) => client.getPipelineObject({ ...of, ...object }),
      put: (object) => client.putPipelineObject({ ...of, ...object }),
      remove: (object) => client.deletePipelineObject({ ...of, ...object }),
    };
  },
};

export const runObjects: ObjectLevel = {
  place: '<pipeline> <run>',
  example: 'run object %s hello 7',
  calls: ({ client, settings }, [pipelineId = '', run = '']) => {
    const of = { namespaceId: settings.namespace, pipelineId, runId: runNumber(run) };
    return {
      list: () => client.listRunObjects(of),
      get: (object) => client.getRunObject({ ...of, ...object }),
      put: (object) => client.putRunObject({ ...of, ...object }),
      remove: (object) => client.deleteRunObject({ ...of, ...object }),
    };
  },
};

/** Text that is longer is refused with --stringify, as it always was. */
const STRINGIFY_BYTES_MAX = 1_024;

export function defineObjects(parent: Command, host: Host, level: ObjectLevel): void {
  const example = (verb: string, rest = '') => `gofer ${level.example.replace('%s', verb)}${rest}`;
  leaf(parent, {
    usage: `list ${level.place}`,
    summary: 'List objects, oldest first',
    examples: [example('list')],
  }).action(
    placed(host, level, async ({ show }, calls) => {
      const { objects } = await calls.list();
      show({ json: { objects }, text: objectListView(objects) });
    }),
  );
  leaf(parent, {
    usage: `get ${level.place} <key>`,
    summary: 'Write the bytes of an object to standard output',
    examples: [example('get', ' report > report.txt'), example('get', ' report --stringify')],
  })
    .option('-s, --stringify', `as text; refused above ${STRINGIFY_BYTES_MAX} bytes`)
    .action(placed(host, level, getObject));
  leaf(parent, {
    usage: `put ${level.place} <key> <path>`,
    summary: 'Store a file as an object; the path - (or @) is standard input',
    examples: [example('put', ' report report.txt'), `make report | ${example('put', ' report - --force')}`],
  })
    .option('-f, --force', 'replace an object that is there')
    .action(placed(host, level, putObject));
  leaf(parent, {
    usage: `delete ${level.place} <key>`,
    summary: 'Delete an object',
    examples: [example('delete', ' report')],
  }).action(
    placed(host, level, async ({ show }, calls, { rest: [key = ''] }) => {
      await calls.remove({ key });
      show(done({ deleted: { key } }, `Deleted object [${key}]`));
    }),
  );
}

interface Given {
  /** The arguments after the place. */
  readonly rest: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

type PlacedWork = (context: Context, calls: ObjectCalls, given: Given) => Promise<void>;

/** The levels have different numbers of arguments before the object's key. */
function placed(host: Host, { place, calls }: ObjectLevel, work: PlacedWork) {
  const length = place.split(' ').length;
  return action(host, async (context, ...args: unknown[]) => {
    const texts = args.filter((argument) => typeof argument === 'string');
    const options = Object.entries(args.at(-2) ?? {});
    await work(context, calls(context, texts.slice(0, length)), {
      rest: texts.slice(length),
      options: Object.fromEntries(options),
    });
  });
}

function objectListView(objects: readonly StoredObject[]): Answer['text'] {
  return ({ paint, time }) =>
    renderTable(
      {
        columns: ['key', 'size', 'created'],
        rows: objects.map(({ key, size, created }) => [key, size === undefined ? '' : byteWords(size), time(created)]),
      },
      paint,
    );
}

/** As JSON the whole of it is held in memory. */
const JSON_BYTES_MAX = 16_777_216;

async function getObject(context: Context, calls: ObjectCalls, { rest: [key = ''], options }: Given): Promise<void> {
  const { settings, show, terminal } = context;
  const { size, body } = await calls.get({ key });
  if (options['stringify'] === true) {
    const bytes = await gathered(body, { size, max: STRINGIFY_BYTES_MAX, without: '--stringify' });
    const text = bytes.toString('utf8');
    show({ json: { object: { key, size: bytes.length }, content: text }, text: () => text.replace(/\n$/, '') });
    return;
  }
  if (settings.outputFormat === 'json') {
    const bytes = await gathered(body, { size, max: JSON_BYTES_MAX, without: '--json' });
    show({ json: { object: { key, size: bytes.length }, content_base64: bytes.toString('base64') }, text: () => '' });
    return;
  }
  for await (const chunk of body) {
    terminal.out(chunk);
    await terminal.drained();
  }
}

interface GatherLimit {
  readonly size: number | null;
  readonly max: number;
  /** The option to leave out when it is too large. */
  readonly without: string;
}

async function gathered(body: AsyncIterable<Uint8Array>, { size, max, without }: GatherLimit): Promise<Buffer> {
  const tooLarge = () =>
    new CliError(`The object is larger than ${max} bytes.`, {
      hints: [`Leave out ${without}, and write it to a file.`],
    });
  if (size !== null && size > max) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    if (total > max) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function putObject(context: Context, calls: ObjectCalls, { rest, options }: Given): Promise<void> {
  const [key = '', file = ''] = rest;
  const body = file === '-' || file === '@' ? context.terminal.stdin : await openFile(file);
  const { object } = await calls.put({ key, force: options['force'] === true, body });
  const size = object.size === undefined ? '' : ` (${byteWords(object.size)})`;
  context.show(done({ object }, `Stored object [${key}]${size}`));
}

async function openFile(file: string): Promise<AsyncIterable<Uint8Array>> {
  const found = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  if (found.isDirectory()) throw usageError(`${file} is a folder.`, `Pack it first: tar c ${file} | gofer … put … -`);
  return createReadStream(file);
}
