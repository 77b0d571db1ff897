// Codecs of what there is once in an installation.

import { recordCodec } from '../codec.ts';
import type { Instant } from '../model/ids.ts';

export interface Installation {
  /** Random UUID, made at the very first start; engines mark what is ours with it. */
  readonly installationId: string;
  readonly created: Instant;
}

export const installationRecord = recordCodec<Installation>({
  kind: 'installation',
  fields: { installationId: 'string', created: 'number' },
});

export interface Preferences {
  readonly ignorePipelineRunEvents: boolean;
  /** The first token can be made without a token, once only. */
  readonly bootstrapTokenCreated: boolean;
}

export const preferencesRecord = recordCodec<Preferences>({
  kind: 'preferences',
  fields: { ignorePipelineRunEvents: 'boolean', bootstrapTokenCreated: 'boolean' },
});

/** Which directory the objects lie in, by a mark that is in it: nodes of a cluster make sure that theirs is the same. */
export interface ObjectPlace {
  readonly mark: string;
}

export const objectPlaceRecord = recordCodec<ObjectPlace>({ kind: 'object place', fields: { mark: 'string' } });
