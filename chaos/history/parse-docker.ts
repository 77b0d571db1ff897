// Lines of the Docker daemon's event stream (`GET /events`).

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
