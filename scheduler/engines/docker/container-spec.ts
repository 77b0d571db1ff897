// An attempt as a Docker container: its name, labels and the body of the create call. Pure.

import { createHash } from 'node:crypto';
import { AppError } from '../../../store/model/errors.ts';
import type { AttemptId } from '../../../store/model/ids.ts';
import { parseAttemptId } from '../../../store/model/ids.ts';
import type { AttemptSpec } from '../port.ts';

export const INSTALLATION_LABEL = 'io.gofer.installation';
export const ATTEMPT_LABEL = 'io.gofer.attempt';
/** Which engine object of which process made the container: it alone knows the id to start it by. */
export const CREATOR_LABEL = 'io.gofer.creator';

/** The json-file driver turns bytes that are not UTF-8 into U+FFFD; this one keeps them, and any daemon has it. */
const LOG_DRIVER = 'local';

/**
 * The oldest bytes of a log go when it is larger. The driver's default, 100 MB, is less than a task may print; no limit at all
 * would let one task fill the daemon's disk.
 */
const LOG_BYTES_MAX = '16g';

const NANO_CPUS_PER_MILLI = 1_000_000;
const BYTES_PER_MIB = 1_048_576;

/** An empty file system that nobody can write to: all that matters is the directory that it is mounted on. */
const TRACE_OPTIONS = 'ro,nosuid,nodev,noexec,size=4k,mode=555';
const TRACE_DIGITS = 16;

const INSTALLATION = /^[A-Za-z0-9]{1,32}$/;

/** Two installations on one daemon never meet: this word is in every name and label. */
export function parseInstallation(text: string): string {
  if (INSTALLATION.test(text)) return text;
  throw new AppError('invalid', 'The installation id for Docker must be 1 to 32 letters and digits.');
}

/** An id's one name in the daemon; the name is what makes a second create fail. */
export function containerName(installation: string, id: AttemptId): string {
  return `gofer-${installation}-${id}`;
}

/** Volumes in place of records in the daemon (see claim.ts). An attempt id ends in a number, so these names are never one's. */
export function markName(installation: string, id: AttemptId, kind: 'forgotten' | 'settling'): string {
  return `${containerName(installation, id)}.${kind}`;
}

/**
 * The directory in the container that the runtime makes before the body begins, and nobody before that, since nothing is mounted in
 * a container that was only created. It stays in the container's own layer, whatever happens to the daemon. No image has it.
 */
export function tracePath(installation: string, id: AttemptId): string {
  const digest = createHash('sha256').update(containerName(installation, id)).digest('hex');
  return `/.gofer-${digest.slice(0, TRACE_DIGITS)}`;
}

export function labelsOf(installation: string, id: AttemptId): Readonly<Record<string, string>> {
  const key = parseAttemptId(id);
  const parts =
    key === null
      ? {}
      : {
          'io.gofer.namespace': key.namespaceId,
          'io.gofer.pipeline': key.pipelineId,
          'io.gofer.run': String(key.runId),
          'io.gofer.task': key.taskId,
        };
  return { [INSTALLATION_LABEL]: installation, [ATTEMPT_LABEL]: id, ...parts };
}

export interface Owner {
  readonly installation: string;
  readonly creator: string;
}

/** The body of `POST /containers/create`. */
export function createBody({ installation, creator }: Owner, spec: AttemptSpec): Readonly<Record<string, unknown>> {
  const { cpuMillis, memoryMib } = spec.resources;
  const memory = memoryMib * BYTES_PER_MIB;
  return {
    Image: spec.image,
    ...(spec.entrypoint === null ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.command === null ? {} : { Cmd: spec.command }),
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Labels: { ...labelsOf(installation, spec.id), [CREATOR_LABEL]: creator },
    // With a terminal both streams would become one, and newlines would change.
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      // A removed container frees its name, and a restarted one runs its body again.
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      Tmpfs: { [tracePath(installation, spec.id)]: TRACE_OPTIONS },
      LogConfig: { Type: LOG_DRIVER, Config: { 'max-size': LOG_BYTES_MAX, 'max-file': '1', compress: 'false' } },
      ...(cpuMillis > 0 ? { NanoCpus: cpuMillis * NANO_CPUS_PER_MILLI } : {}),
      // Swap would be a second, hidden allowance of the same size.
      ...(memory > 0 ? { Memory: memory, MemorySwap: memory } : {}),
    },
  };
}
