// Who of several nodes takes up a piece of work first, without a word between them: each ranks all of them for each piece by a hash
// (rendezvous hashing), so that nodes that see the same members agree, and a member that comes or goes moves only its own share.
// It saves work and decides nothing: nodes that disagree for a moment do some piece twice, which must be harmless.

import { createHash } from 'node:crypto';

export interface WorkShare {
  readonly key: string;
  /** This node. */
  readonly nodeId: string;
  /** All who take part. */
  readonly sharers: readonly string[];
}

/** 0 = it is this node's to do; n = after n others have not done it; null = this node takes no part. */
export function rankOf({ key, nodeId, sharers }: WorkShare): number | null {
  if (!sharers.includes(nodeId)) return null;
  // Nearly always: a node alone hashes nothing.
  if (sharers.length === 1) return 0;
  const own = weight(key, nodeId);
  return sharers.filter((other) => other !== nodeId && weight(key, other) > own).length;
}

function weight(key: string, nodeId: string): string {
  return createHash('sha1').update(`${nodeId}\0${key}`).digest('hex');
}
