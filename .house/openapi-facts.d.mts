export interface OpenapiFacts {
  readonly operations: Readonly<Record<string, object>>;
  readonly components: Readonly<Record<string, { readonly properties?: Readonly<Record<string, object>> }>>;
}
export function openapiFacts(document: unknown): OpenapiFacts;
