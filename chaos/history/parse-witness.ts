// The lines that bodies write: `<start|end> <attempt id> <uptime in seconds> <address of the API that the body was given>`.

import type { BodyMark } from '../checks/evidence.ts';

export interface WitnessContext {
  readonly uptimeOffset: number;
  /** Which node gives that address to its bodies; '' = nobody known. */
  readonly nodeOf: (apiUrl: string) => string;
}

/** Null for a line that is none of ours. */
export function parseWitnessLine(line: string, { uptimeOffset, nodeOf }: WitnessContext): BodyMark | null {
  const [mark, attempt = '', uptime = '', apiUrl = ''] = line.split(' ');
  if ((mark !== 'start' && mark !== 'end') || attempt === '' || !/^[0-9]+[.][0-9]+$/.test(uptime)) return null;
  return { mark, attempt, at: Number(uptime) * 1_000 + uptimeOffset, node: nodeOf(apiUrl) };
}
