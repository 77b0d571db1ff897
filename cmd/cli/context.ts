// What a command works with: settings, a client for the API, and the one way to show an answer.

import type { Client } from '../../sdk/client/client.ts';
import type { CliSettings } from './cli-settings.ts';
import type { Terminal } from './terminal.ts';
import type { Paint } from './text/paint.ts';
import { spanWords, timeWords } from './text/time.ts';

/** The same answer for programs and for people. */
export interface Answer {
  readonly json: unknown;
  readonly text: (view: View) => string;
}

/** How text is written for people. */
export interface View {
  readonly paint: Paint;
  /** `never` is the word for a moment that has not come. */
  readonly time: (instant: number, never?: string) => string;
  readonly span: (span: { readonly started: number; readonly ended: number }) => string;
}

export interface Context {
  readonly settings: CliSettings;
  readonly client: Client;
  /** Tries nothing again by itself: for what is followed, which bears failures in its own way and tells about them. */
  readonly singleTry: Client;
  readonly terminal: Terminal;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Prints the answer in the form that the user asked for. */
  readonly show: (answer: Answer) => void;
  /** One line of a stream: the JSON on one line, or the text. */
  readonly showLine: (answer: Answer) => void;
}

export interface ContextParts {
  readonly settings: CliSettings;
  readonly client: Client;
  readonly singleTry: Client;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

export function createContext({ now, ...parts }: ContextParts): Context {
  const { settings, terminal } = parts;
  // One moment for a whole answer, so that what it shows fits together.
  const viewAt = (moment: number): View => ({
    paint: terminal.paint,
    time: (instant, never) => timeWords(instant, { now: moment, detail: settings.detail }, never),
    span: (span) => spanWords(span, moment),
  });
  const print = (answer: Answer, indent: number) => {
    switch (settings.outputFormat) {
      case 'json':
        return terminal.out(`${JSON.stringify(answer.json, null, indent)}\n`);
      case 'plain':
        return terminal.out(`${answer.text(viewAt(now()))}\n`);
      case 'silent':
        return;
    }
  };
  return {
    ...parts,
    show: (answer) => print(answer, 2),
    showLine: (answer) => print(answer, 0),
  };
}

/** The line that says that something was done. */
export function done(json: unknown, text: string): Answer {
  return { json, text: ({ paint }) => `${paint('green', '✓')} ${text}` };
}
