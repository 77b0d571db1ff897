// An image reference taken apart the way Docker wants it for a pull. Pure.

export interface ImageReference {
  /** Name with its registry, without tag and digest. */
  readonly name: string;
  /** Tag or digest; Docker takes either in the same place. Without one it would pull every tag there is. */
  readonly tag: string;
  /** The registry's host; null = Docker's own default. */
  readonly registry: string | null;
}

export function parseImageReference(image: string): ImageReference {
  const at = image.indexOf('@');
  const digest = at < 0 ? '' : image.slice(at + 1);
  const tagged = at < 0 ? image : image.slice(0, at);
  // A colon before the last slash belongs to the registry's port.
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  const name = colon < 0 ? tagged : tagged.slice(0, colon);
  const tag = digest || (colon < 0 ? 'latest' : tagged.slice(colon + 1));
  const first = name.split('/')[0] ?? '';
  const isHost = name.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  return { name, tag, registry: isHost ? first : null };
}
