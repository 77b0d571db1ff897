// `gofer task attach`: lines of standard input go to a command in the task's surroundings, its output comes back as it is.

import { createInterface } from 'node:readline';
import type { OfTask } from '../../../sdk/client/types.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

export interface AttachOptions {
  readonly cmd: string;
}

/** Ends with the command or with Ctrl-C; the end of the input alone does not end it, as the command may still have much to say. */
export async function attach(context: Context, of: OfTask, { cmd }: AttachOptions): Promise<ExitCode> {
  const { client, signal, terminal } = context;
  await client.getTaskExecution(of);
  const session = await client.attachTask({ ...of, command: cmd, signal });
  const lines = createInterface({ input: terminal.stdin, terminal: false });
  lines.on('line', (line) => session.send(line));
  try {
    for await (const bytes of session.output) {
      terminal.out(bytes);
      await terminal.drained();
    }
  } finally {
    lines.close();
  }
  return EXIT.ok;
}
