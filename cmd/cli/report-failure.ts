// What a failure looks like to the user, and which exit code it has.

import { ApiError, StreamClosedError, UnreachableError } from '../../sdk/client/errors.ts';
import { causeChain, CliError } from './cli-error.ts';
import type { CliSettings } from './cli-settings.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';
import { visibleLines } from './text/display.ts';

export interface FailurePlace {
  readonly terminal: Terminal;
  /** Null when they could not be loaded. */
  readonly settings: CliSettings | null;
  /** The command with its arguments: `pipeline get hello`. */
  readonly command: string;
  readonly interrupted: boolean;
}

interface Failure {
  readonly message: string;
  readonly exitCode: ExitCode;
  readonly hints: readonly string[];
}

/** Prints to stderr and answers with the exit code. */
export function reportFailure(error: unknown, place: FailurePlace): ExitCode {
  // Whoever pressed Ctrl-C knows why it ended.
  if (place.interrupted) return EXIT.interrupted;
  const failure = describeFailure(error, place);
  const { terminal, settings } = place;
  if (settings?.outputFormat === 'json') {
    const { message, exitCode, hints } = failure;
    const status = error instanceof ApiError ? { status: error.status, request_id: error.requestId } : {};
    terminal.err(`${JSON.stringify({ error: { message, exit_code: exitCode, hints, ...status } })}\n`);
  } else {
    const hints = failure.hints.map((hint) => `  ${terminal.errPaint('grey', hint)}\n`);
    terminal.err(`${terminal.errPaint('red', 'x')} ${visibleLines(failure.message)}\n${hints.join('')}`);
  }
  return failure.exitCode;
}

/** Pure; `reportFailure` prints it. */
export function describeFailure(error: unknown, { settings, command }: Omit<FailurePlace, 'terminal'>): Failure {
  if (error instanceof CliError) {
    return { message: causeChain(error).join(': '), exitCode: error.exitCode, hints: error.hints };
  }
  if (error instanceof UnreachableError) {
    return {
      message: error.message,
      exitCode: EXIT.unreachable,
      hints: [
        'Start it with: gofer service start',
        'If it runs elsewhere, say where: GOFER_API_BASE_URL=http://host:8080 or --api-base-url',
      ],
    };
  }
  if (error instanceof ApiError) return describeApiError(error, command, settings);
  if (error instanceof StreamClosedError) {
    return { message: `The server closed the stream: ${error.message}.`, exitCode: EXIT.failure, hints: [] };
  }
  return { message: causeChain(error).join(': '), exitCode: EXIT.failure, hints: [] };
}

function describeApiError(error: ApiError, command: string, settings: CliSettings | null): Failure {
  const exitCode = exitCodeOf(error);
  const requestId = error.requestId === '' ? [] : [`Request id, for the server's log: ${error.requestId}`];
  switch (exitCode) {
    case EXIT.notFound:
      return {
        // The API's own words are just "Not Found".
        message: `Not found: ${command} (namespace ${settings?.namespace ?? 'default'}, server ${settings?.apiBaseUrl ?? ''}).`,
        exitCode,
        hints: ['gofer fetch shows what is there; --namespace chooses another namespace.'],
      };
    case EXIT.denied:
      return {
        message: error.message,
        exitCode,
        hints: ['The token comes from GOFER_TOKEN, ~/.gofer.toml or --token.'],
      };
    case EXIT.conflict:
    case EXIT.usage:
      return { message: error.message, exitCode, hints: [] };
    default:
      return { message: error.message, exitCode, hints: requestId };
  }
}

function exitCodeOf({ status, message }: ApiError): ExitCode {
  // A missing object is answered with 400 (an old promise of the API).
  if (status === 404 || message.includes('Object not found')) return EXIT.notFound;
  if (status === 401 || status === 403) return EXIT.denied;
  if (status === 409) return EXIT.conflict;
  return status === 400 ? EXIT.usage : EXIT.failure;
}
