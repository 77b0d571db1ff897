// What nftables has counted.

/** Packets of all counters in a listing. */
export function parseDropped(listing: string): number {
  return [...listing.matchAll(/counter packets ([0-9]+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}
