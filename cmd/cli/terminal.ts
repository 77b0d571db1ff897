// Where the CLI writes and reads. Commands are given one of these and never touch `process`, so that tests can listen.

import type { Readable } from 'node:stream';
import { paintAnsi, paintNothing, type Paint } from './text/paint.ts';

export interface Terminal {
  /** Results. */
  readonly out: (text: string | Uint8Array) => void;
  /** Resolves when the reader of the results has room for more: whoever writes without end waits for this. */
  readonly drained: () => Promise<void>;
  /** Everything that is not a result: progress, hints, errors. */
  readonly err: (text: string) => void;
  readonly stdin: Readable;
  /** Whether a person types there. */
  readonly inIsTerminal: boolean;
  readonly paint: Paint;
  readonly errPaint: Paint;
  /** Whether stdout is a screen on which lines may be drawn again. */
  readonly canRedraw: boolean;
  readonly errIsTerminal: boolean;
  readonly columns: () => number;
  readonly rows: () => number;
}

/** A screen whose size is not known. */
const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

export function processTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const { stdout, stderr, stdin } = process;
  // https://no-color.org: any value that is not empty.
  const colours = (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  return {
    out: (text) => void stdout.write(text),
    drained: () =>
      stdout.writableNeedDrain ? new Promise((resolve) => stdout.once('drain', resolve)) : Promise.resolve(),
    err: (text) => void stderr.write(text),
    stdin,
    inIsTerminal: stdin.isTTY,
    paint: colours && stdout.isTTY ? paintAnsi : paintNothing,
    errPaint: colours && stderr.isTTY ? paintAnsi : paintNothing,
    canRedraw: Boolean(stdout.isTTY) && environment['TERM'] !== 'dumb',
    errIsTerminal: Boolean(stderr.isTTY) && environment['TERM'] !== 'dumb',
    columns: () => stdout.columns ?? COLUMNS_DEFAULT,
    rows: () => stdout.rows ?? ROWS_DEFAULT,
  };
}
