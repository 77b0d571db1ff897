// What happened, in ten lines. Pure: all times are monotonic milliseconds.

export interface Story {
  readonly runsWanted: number;
  readonly bodiesWanted: number;
  readonly linesOfBody: number;
  readonly killed: { readonly node: string; readonly term: number; readonly at: number };
  readonly runsInFlight: number;
  readonly bodiesAtWork: number;
  /** When the leader key was gone: somebody noticed, and freed it. */
  readonly noticedAt: number;
  readonly next: { readonly node: string; readonly term: number; readonly at: number };
  /** When the first body of the new term began. */
  readonly nextTaskAt: number;
  readonly endedAt: number;
  readonly statuses: readonly string[];
  /** Each time that a body began, by its name. */
  readonly begun: readonly string[];
  /** Names of tasks with what was read as their log. */
  readonly wrongLogs: readonly string[];
  readonly calls: { readonly made: number; readonly failed: number; readonly lastFault: string | null };
  readonly againReadyMs: number;
}

export function tell(story: Story): readonly string[] {
  const { killed, next, calls, statuses } = story;
  const bodies = countBodies(story);
  const successful = statuses.filter((status) => status === 'successful').length;
  const lines = story.bodiesWanted * story.linesOfBody;
  const after = (at: number) => `  + ${((at - killed.at) / 1_000).toFixed(2).padStart(5)} s  `;
  return [
    `The leader, ${killed.node} (term ${killed.term}), was killed with -9: ${story.runsInFlight} runs in flight, ${story.bodiesAtWork} tasks at work.`,
    `${after(story.noticedAt)}the others had noticed and freed the leadership`,
    `${after(next.at)}${next.node} led (term ${next.term})`,
    `${after(story.nextTaskAt)}the next task started`,
    `${after(story.endedAt)}all ${statuses.length} of ${story.runsWanted} runs had ended, ${successful} of them successful`,
    `Tasks: ${story.bodiesWanted} wanted, ${bodies.once} ran exactly once, ${bodies.missing} missing, ${bodies.twice} ran twice.`,
    `Log lines: ${lines - story.wrongLogs.length * story.linesOfBody} of ${lines} are there, in order${inBrackets(story.wrongLogs[0] ?? null)}.`,
    `Client calls through HAProxy meanwhile: ${calls.made}, failed: ${calls.failed}${inBrackets(calls.lastFault)}.`,
    `${killed.node} was started again and was ready after ${(story.againReadyMs / 1_000).toFixed(2)} s.`,
    isGood(story) ? 'Nothing was lost, nothing ran twice.' : 'THIS IS NOT AS IT SHOULD BE.',
  ];
}

/** Failed calls are told, not judged: what a client did not get an answer to, it may ask again. */
export function isGood(story: Story): boolean {
  const { once, missing, twice } = countBodies(story);
  const allSuccessful =
    story.statuses.length === story.runsWanted && story.statuses.every((one) => one === 'successful');
  return allSuccessful && once === story.bodiesWanted && missing + twice + story.wrongLogs.length === 0;
}

function inBrackets(text: string | null): string {
  return text === null ? '' : ` (${text})`;
}

function countBodies({ begun, bodiesWanted }: Story) {
  const times = new Map<string, number>();
  for (const body of begun) times.set(body, (times.get(body) ?? 0) + 1);
  const once = [...times.values()].filter((count) => count === 1).length;
  return { once, twice: times.size - once, missing: Math.max(0, bodiesWanted - times.size) };
}
