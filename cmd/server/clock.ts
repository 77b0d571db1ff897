// Wall-clock time that never goes back within the process. Deadlines and event times are absolute instants: a clock that is set
// back by an hour must not hold them up, so it is then followed at the pace of the monotonic clock. A jump ahead is followed,
// since a machine that slept comes back that way.

export function createSteadyClock(
  sources: { readonly wallMs: () => number; readonly monotonicMs: () => number } = {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
  },
): () => number {
  let wall = sources.wallMs();
  let monotonic = sources.monotonicMs();
  return () => {
    const nowMonotonic = sources.monotonicMs();
    const steady = wall + (nowMonotonic - monotonic);
    wall = Math.max(steady, sources.wallMs());
    monotonic = nowMonotonic;
    return Math.floor(wall);
  };
}
