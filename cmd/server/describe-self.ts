// Who this node is, in the words of the cluster: on which machine, and as which process of it.

import { readFileSync, readlinkSync } from 'node:fs';

/** Machine, boot and process-id namespace in one text: within it a process id means one process. '' = not known. */
export function describeMachine(): string {
  const boot = readText('/proc/sys/kernel/random/boot_id');
  const namespace = readNamespace();
  return boot === '' || namespace === '' ? '' : `${boot} ${namespace}`;
}

/** Whether no process of this machine has the id. What may not be asked about is there. */
export function isProcessGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

function readNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
