// The shell texts of the bodies. Each says first, before anything else, that it began, and last that it ended well.

import { FIRST_LINE, LAST_LINE } from '../checks/logs.ts';

/** How the bodies of an engine tell of themselves. */
export interface Telling {
  /** Shell text for one line of the witness. */
  line(mark: 'start' | 'end'): string;
  /** Shell text that waits, and can be ended by SIGTERM while it does. */
  sleep(seconds: number): string;
}

/**
 * Bodies of the process engine append to a file. Only built-ins of the shell: nothing is forked before the first line is written. The
 * attempt's id is the name of the directory that the engine gives to it.
 */
export function fileTelling(file: string): Telling {
  return {
    line: (mark) =>
      `d="\${PWD%/work}"; read -r up rest </proc/uptime; echo "${mark} \${d##*/} $up $GOFER_API_BASE_URL" >>'${file}'`,
    sleep: (seconds) => `sleep ${seconds}`,
  };
}

/**
 * Containers share no file with us: the daemon's own event stream is the witness of their starts and ends. The first process of a
 * container ignores SIGTERM unless it says otherwise, and a shell looks at its traps only when no command of its own runs.
 */
export const CONTAINER: Telling = {
  line: (mark) => (mark === 'start' ? "trap 'exit 143' TERM" : ':'),
  sleep: (seconds) => `sleep ${seconds} & wait $!`,
};

export interface BodyText {
  readonly telling: Telling;
  /** Between the first line and the last. */
  readonly work: string;
}

export function bodyText({ telling, work }: BodyText): readonly string[] {
  // Its log: read back, and compared (check LOG).
  const first = `echo "${FIRST_LINE} $GOFER_PIPELINE_ID/$GOFER_RUN_ID/$GOFER_TASK_ID"`;
  return ['/bin/sh', '-c', [telling.line('start'), first, work, `echo ${LAST_LINE}`, telling.line('end')].join('\n')];
}

/** Fails in about half of its attempts, by chance and not by its number, which bodies are not told. */
export const SOMETIMES_FAILS = 'read -r uuid </proc/sys/kernel/random/uuid; case $uuid in [0-7]*) exit 3;; esac';
