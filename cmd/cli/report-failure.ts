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
  /** Also when there are no settings yet. */
  readonly asJson: boolean;
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
  const { terminal, settings, asJson } = place;
  if (asJson || settings?.outputFormat === 'json') {
    const { message, exitCode, hints } = failure;
    const status = error instanceof ApiError ? { status: error.status, request_id: error.requestId } : {};
    terminal.err(`${JSON.stringify({ error: { message, exit_code: exitCode, hints, ...status } })}\n`);
  } else {
    const hints = failure.hints.map((hint) => `  ${terminal.errPaint('grey', hint)}\n`);
    terminal.err(`${terminal.errPaint('red', 'x')} ${visibleLines(failure.message)}\n${hints.join('')}`);
  }
  return failure.exitCode;
}

/** The close code of a stream that is refused (RFC 6455, 7.4.1). */
const REFUSED = 1008;

/** Pure; `reportFailure` prints it. */
export function describeFailure(
  error: unknown,
  { settings, command }: Pick<FailurePlace, 'settings' | 'command'>,
): Failure {
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
    // A request that the server did not take, with its reason.
    if (error.code === REFUSED) return { message: error.message, exitCode: EXIT.usage, hints: [] };
    const reason = error.message.replace(/\.$/, '');
    return { message: `The server closed the stream: ${reason}.`, exitCode: EXIT.failure, hints: [] };
  }
  return { message: causeChain(error).join(': '), exitCode: EXIT.failure, hints: [] };
}

function describeApiError(error: ApiError, command: string, settings: CliSettings | null): Failure {
  const exitCode = exitCodeOf(error);
  if (exitCode === EXIT.notFound) {
    const place = `namespace ${settings?.namespace ?? 'default'}, server ${settings?.apiBaseUrl ?? ''}`;
    return {
      // The API's own words are just "Not Found".
      message: `Not found: ${command} (${place}).`,
      exitCode,
      hints: ['gofer fetch shows what is there; --namespace chooses another namespace.'],
    };
  }
  return { message: error.message, exitCode, hints: hintsFor(exitCode, error) };
}

function hintsFor(exitCode: ExitCode, { message, requestId }: ApiError): readonly string[] {
  if (exitCode === EXIT.denied) {
    const source = 'The token comes from GOFER_TOKEN, ~/.gofer.toml or --token.';
    // The server does not know this token at all, as on the very first day.
    return message === 'Unauthorized'
      ? [source, 'A new server has its first token by: gofer token bootstrap']
      : [source];
  }
  if (exitCode === EXIT.conflict && message.includes('is disabled')) return ['See: gofer pipeline enable --help'];
  if (exitCode === EXIT.conflict) return message.includes('force') ? ['Add --force.'] : [];
  return exitCode === EXIT.failure && requestId !== '' ? [`Request id, for the server's log: ${requestId}`] : [];
}

function exitCodeOf({ status, message }: ApiError): ExitCode {
  // A missing object is answered with 400 (an old promise of the API).
  if (status === 404 || message.includes('Object not found')) return EXIT.notFound;
  if (status === 401 || status === 403) return EXIT.denied;
  // As are an object that is there already, with 400, and a pipeline that is disabled, with 503.
  if (status === 409 || /exists already|is disabled/.test(message)) return EXIT.conflict;
  return status === 400 ? EXIT.usage : EXIT.failure;
}
