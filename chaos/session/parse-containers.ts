// The Docker daemon's list of containers.

export function parseIds(text: string): readonly string[] {
  return (JSON.parse(text) as readonly { readonly Id: string }[]).map(({ Id: id }) => id);
}
