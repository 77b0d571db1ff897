// What the Docker daemon tells of containers: lines of its event stream (`GET /events`), its list, and its word on one of them.

export interface ContainerEvent {
  readonly action: 'start' | 'die';
  readonly containerId: string;
  /** Label `io.gofer.attempt`; '' = none of ours. */
  readonly attempt: string;
  /** Only of `die`. */
  readonly exitCode: string;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
}

interface Line {
  readonly Type?: string;
  readonly Action?: string;
  readonly timeNano?: number;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

/** A number of this size loses its last digits in JSON.parse; a microsecond is fine enough. */
export function parseContainerEvent(text: string): ContainerEvent | null {
  const { Type: type, Action: action, timeNano = 0, Actor: actor } = JSON.parse(text) as Line;
  if (type !== 'container' || (action !== 'start' && action !== 'die')) return null;
  const attributes = actor?.Attributes ?? {};
  return {
    action,
    containerId: actor?.ID ?? '',
    attempt: attributes['io.gofer.attempt'] ?? '',
    exitCode: attributes['exitCode'] ?? '',
    at: BigInt(timeNano),
  };
}

/** Ids of all containers that are some attempt's, from `GET /containers/json`. */
export function parseAttemptContainers(
  text: string,
): readonly { readonly containerId: string; readonly attempt: string }[] {
  const list = JSON.parse(text) as readonly {
    readonly Id: string;
    readonly Labels?: Readonly<Record<string, string>>;
  }[];
  return list.flatMap(({ Id: containerId, Labels: labels }) => {
    const attempt = labels?.['io.gofer.attempt'];
    return attempt === undefined ? [] : [{ containerId, attempt }];
  });
}

export interface ContainerLife {
  /** Milliseconds since the epoch; null = the daemon knows of none. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly exitCode: number;
}

interface Inspected {
  readonly Created: string;
  readonly State: {
    readonly Running: boolean;
    readonly StartedAt: string;
    readonly FinishedAt: string;
    readonly ExitCode: number;
  };
}

/** From `GET /containers/<id>/json`. One that runs or has ended was started, even if the daemon does not know when. */
export function parseContainerLife(text: string): ContainerLife {
  const { Created: created, State: state } = JSON.parse(text) as Inspected;
  const endedAt = state.Running ? null : instant(state.FinishedAt);
  const isStarted = state.Running || endedAt !== null;
  const startedAt = instant(state.StartedAt) ?? (isStarted ? Date.parse(created) : null);
  return { startedAt, endedAt, exitCode: state.ExitCode };
}

/** Docker's word for never is the year 1. */
function instant(text: string): number | null {
  const at = Date.parse(text);
  return at > 0 ? at : null;
}
