// Who this node is, in the words of the cluster: its machine, its process, the engine that it reaches.

import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Engine } from '../../scheduler/engines/port.ts';
import type { MemberEngine, RecordFormats } from '../../store/model/cluster.ts';

/** Forms of records that this build reads and writes. */
export const RECORD_FORMATS: RecordFormats = { min: 1, max: 1 };

/** The process-id namespace in which Linux boots: the same number on every machine. Others are made anew for each container. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

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

/**
 * A process table is reached from its machine (and container) only, and its attempts lie in one directory. A machine that has booted
 * anew is still the same place: the engine itself knows what a boot has ended.
 */
export function describeProcessEngine(directory: string): MemberEngine {
  const machine = readText('/etc/machine-id') || hostname();
  const namespace = readNamespace();
  const place = namespace === FIRST_PID_NAMESPACE ? '' : ` ${namespace}`;
  const real = realpathSync(directory);
  return { kind: 'process', identity: `${machine}${place} ${real}`, where: `${hostname()}:${real}` };
}

/** For engines whose address says it all. */
export function describeEngine(engine: Engine): MemberEngine {
  const { scope, where } = engine.reach;
  return { kind: engine.kind, identity: scope === 'local' ? `${hostname()} ${where}` : where, where };
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
