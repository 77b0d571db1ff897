// The object store's port: named blobs, streamed both ways, never whole in memory. Backends: files/ (and later s3/).
// One conformance suite: test/conformance/objects-suite.ts.

export interface ObjectInfo {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface ByteRange {
  /** First byte wanted, from 0. */
  readonly start: number;
  /** One past the last byte wanted; absent = to the end. */
  readonly end?: number;
}

export interface OpenObject extends ObjectInfo {
  /** May be read once. Fails with AppError when the blob turns out shorter than `size`. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface PutOptions {
  readonly maxBytes?: number;
  readonly ifAbsent?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Names are made by our own code: segments of [A-Za-z0-9._%-], joined by "/", at most 900 characters. Every method throws
 * AppError('unavailable') when the store cannot be reached or is full; a failed put leaves nothing under the name, and what
 * was there before stays whole.
 */
export interface ObjectStore {
  /**
   * Atomic and durable: readers see the old blob or the new one. Throws 'limit' past `maxBytes`. With `ifAbsent` it only creates:
   * of all that try, one does, and the others throw 'conflict' once the blob that is there is as durable as if they had put it.
   */
  put(name: string, body: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<ObjectInfo>;

  /** Throws 'not_found'. */
  open(name: string, options?: { readonly range?: ByteRange }): Promise<OpenObject>;

  /** Null when absent. */
  stat(name: string): Promise<ObjectInfo | null>;

  /** Deleting what is absent is not an error. */
  delete(name: string): Promise<void>;

  /** Names that begin with `prefix`, in no particular order. */
  list(prefix: string): AsyncIterable<string>;

  close(): Promise<void>;
}
