// What a failed pull means, and how far a running one is. Pure.

import type { PullLine } from './answers-parse.ts';

/**
 * `final`: asking again will not help: the image or the permission is not there, or the reference is wrong.
 * `passing`: the registry could not be reached or did not answer well.
 */
export type PullFailure = { readonly kind: 'final' | 'passing'; readonly why: string };

/** Docker gives status 500 for nearly everything, so its words have to tell. */
const FINAL = [
  /invalid reference format/i,
  /manifest (?:for .* )?(?:unknown|not found)/i,
  /no matching manifest/i,
  /repository .*(?:not found|does not exist)/i,
  /pull access denied/i,
  /requested access to the resource is denied/i,
  /name unknown/i,
  /\bunauthorized\b/i,
  /authentication required/i,
  /incorrect username or password/i,
  /no basic auth credentials/i,
  /\bforbidden\b/i,
];

export function pullFailure(status: number, message: string): PullFailure {
  const isFinal = status === 400 || status === 401 || status === 403 || status === 404;
  return { kind: isFinal || FINAL.some((words) => words.test(message)) ? 'final' : 'passing', why: message };
}

export interface PullProgress {
  add(line: PullLine): void;
  /** Of the bytes that are known of so far; null while none are. */
  percent(): number | null;
}

export function createPullProgress(): PullProgress {
  const layers = new Map<string, { readonly current: number; readonly total: number }>();
  return {
    add({ layer, status, current, total }) {
      const known = layers.get(layer);
      if (status === 'Downloading' && total > 0) layers.set(layer, { current, total });
      // The unpacking counts other bytes; a layer that is past its download is simply there.
      else if (known !== undefined && /^(?:Download complete|Extracting|Pull complete)$/.test(status)) {
        layers.set(layer, { current: known.total, total: known.total });
      }
    },
    percent() {
      let current = 0;
      let total = 0;
      for (const layer of layers.values()) {
        current += layer.current;
        total += layer.total;
      }
      return total === 0 ? null : Math.floor((100 * current) / total);
    },
  };
}
