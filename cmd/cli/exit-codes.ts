// Exit codes of the CLI: part of what scripts rely on, so they never change their meaning.

export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  unreachable: 6,
  runFailed: 7,
  runCancelled: 8,
  /** 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'It worked.'],
  [EXIT.failure, 'It failed, for a reason that has no code of its own.'],
  [EXIT.usage, 'The command was not understood, or the server found the request invalid.'],
  [EXIT.notFound, 'What was named does not exist.'],
  [EXIT.denied, 'The token is missing, unknown or not allowed to do this.'],
  [EXIT.conflict, 'It exists already, or its state does not allow this now.'],
  [EXIT.unreachable, 'The server does not answer.'],
  [EXIT.runFailed, 'The run that was followed failed.'],
  [EXIT.runCancelled, 'The run that was followed was cancelled.'],
  [EXIT.interrupted, 'Ended by Ctrl-C.'],
];

/** What `gofer help exit-codes` prints. */
export function exitCodesText(): string {
  return ['Exit codes:', ...MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`)].join('\n');
}
