// What a node asks of the Docker daemon, read off the wire by its proxy: the starts of containers, with the node that asked. Requests are
// plain HTTP/1.1; only their first lines are looked at.

const START = /POST (?:\/v[0-9.]+)?\/containers\/([0-9a-zA-Z_.-]+)\/start[? ]/g;

/** Full ids of the containers whose start is asked for in this chunk. */
export function startsIn(chunk: Buffer): readonly string[] {
  if (!chunk.includes('/start')) return [];
  return [...chunk.toString('latin1').matchAll(START)].map(([, id = '']) => id);
}
