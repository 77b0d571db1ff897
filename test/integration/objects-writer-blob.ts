// What the child of objects-kill.test.ts writes in each turn.

/** Each turn has another length, so that a mixture of two has a length or a content that no turn has. */
export function blobOfTurn(turn: number): Buffer {
  return Buffer.alloc(50_000 + (turn % 7) * 70_000 + turn, `${turn} `);
}

export function turnOfBlob(blob: Buffer): number {
  return Number.parseInt(blob.toString('utf8', 0, 20), 10);
}
