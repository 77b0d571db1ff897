// The Docker daemon's answers about containers.

export function parseIds(text: string): readonly string[] {
  return (JSON.parse(text) as readonly { readonly Id: string }[]).map(({ Id: id }) => id);
}

/** Of a container that was created. */
export function parseId(text: string): string {
  return (JSON.parse(text) as { readonly Id: string }).Id;
}
