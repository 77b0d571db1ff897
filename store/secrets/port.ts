// The secret store's port: confidential values by name. Backends: sealed/ (and later vault/). What is known about a secret
// (who may use it, since when) is a record in the state store; only the value lives here.
// One conformance suite: test/conformance/secrets-suite.ts.

/** Names are made by our own code from ids, as in objects/port.ts. Throws AppError('unavailable') as there. */
export interface SecretStore {
  /** Durable; overwrites. Values up to SECRET_BYTES_MAX bytes of UTF-8, else 'limit'. */
  put(name: string, value: string): Promise<void>;
  /** Null when absent. Throws 'internal' when the value cannot be opened with the keys at hand. */
  get(name: string): Promise<string | null>;
  /** Deleting what is absent is not an error. */
  delete(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Larger things are objects. Vault's own limit on an entry is 512 KiB to 1 MiB. */
export const SECRET_BYTES_MAX = 262_144;
