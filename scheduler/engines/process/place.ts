// Which place the attempts of a directory run in, for nodes that ask whether they share it: a process table (this machine's, or
// this container's) and the directory itself. Two machines made from one image have the same machine id and the same paths, so the
// directory has an id of its own, made with it.

import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { diskTrouble, hasCode, readOrNull } from './attempt-files.ts';

/** The process numbers with which Linux boots: this constant on every machine. A container's are made anew at each start. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/** The same for all nodes that reach these attempts, and after any restart. Throws 'unavailable'. */
export async function readPlace(directory: string): Promise<string> {
  return `process ${processTable()} ${await directoryId(directory)}`;
}

/** Several nodes may open a new directory at once: the first one's id is taken by all. */
async function directoryId(directory: string): Promise<string> {
  const path = join(directory, 'id');
  const draft = `${path}.${randomUUID()}`;
  try {
    const known = await readOrNull(path);
    if (known !== null) return known.trim();
    await writeFile(draft, `${randomUUID()}\n`, { mode: 0o600 });
    await link(draft, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  } catch (error) {
    throw diskTrouble(path, error);
  } finally {
    await rm(draft, { force: true });
  }
  return ((await readOrNull(path)) ?? '').trim();
}

/** Containers often have their image's machine id; their host name outlives a restart and differs between them. */
function processTable(): string {
  const machine = readText('/etc/machine-id');
  const isContainer = process.platform === 'linux' && numbersSpace() !== FIRST_PID_NAMESPACE;
  return machine === '' || isContainer ? `${machine}@${hostname()}` : machine;
}

function numbersSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
