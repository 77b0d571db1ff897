// Codecs of tokens and roles.

import { recordCodec } from '../codec.ts';
import type { Role, Token } from '../model/access.ts';

export const tokenRecord = recordCodec<Token>({
  kind: 'token',
  fields: {
    tokenId: 'string',
    hash: 'string',
    user: 'string',
    roles: 'array',
    metadata: 'object',
    created: 'number',
    expires: 'number',
    disabled: 'boolean',
  },
});

/** Which token a hash belongs to. */
export interface TokenName {
  readonly tokenId: string;
}

export const tokenNameRecord = recordCodec<TokenName>({ kind: 'token name', fields: { tokenId: 'string' } });

export const roleRecord = recordCodec<Role>({
  kind: 'role',
  fields: { roleId: 'string', description: 'string', permissions: 'array', systemRole: 'boolean' },
});
