// The document that a pipeline program prints and that registering a config takes: property for property the wire form.

/** When a task may start, seen from one of its parents. */
export type ParentRule = 'any' | 'success' | 'failure';

export type WireParentRule = 'Any' | 'Success' | 'Failure';

export interface RetriesDocument {
  readonly limit: number;
  readonly backoff_seconds?: number;
  readonly max_backoff_seconds?: number;
  readonly on_lost?: boolean;
}

export interface ResourcesDocument {
  readonly cpu_millicores?: number;
  readonly memory_mib?: number;
}

export interface TaskDocument {
  readonly id: string;
  readonly description: string | null;
  readonly image: string;
  readonly registry_auth: { readonly user: string; readonly pass: string } | null;
  readonly depends_on: Readonly<Record<string, WireParentRule>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[] | null;
  readonly inject_api_token: boolean;
  readonly always_pull_newest_image: boolean;
  readonly retries?: RetriesDocument;
  readonly timeout_seconds?: number;
  readonly resources?: ResourcesDocument;
}

export interface PipelineDocument {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly parallelism: number;
  readonly timeout_seconds?: number;
  readonly tasks: readonly TaskDocument[];
}
