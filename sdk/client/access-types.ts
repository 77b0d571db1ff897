// Wire forms of tokens and roles.

export interface Token {
  readonly id: string;
  readonly user: string;
  readonly roles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly created: number;
  /** 0 = never. */
  readonly expires: number;
  readonly disabled: boolean;
}

export interface NewToken {
  readonly user: string;
  readonly roles: readonly string[];
  /** Seconds from now; 0 = never. */
  readonly expires: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface CreatedToken {
  /** Shown this once. */
  readonly secret: string;
  readonly token_details: Token;
}

export type Action = 'read' | 'write' | 'delete';

export interface Permission {
  /** `name`, or `name:pattern` for namespaces, pipelines and extensions. */
  readonly resources: readonly string[];
  readonly actions: readonly Action[];
}

export interface Role {
  readonly id: string;
  readonly description: string;
  readonly permissions: readonly Permission[];
  /** Came with Gofer; nobody changes or deletes it. */
  readonly system_role: boolean;
}
