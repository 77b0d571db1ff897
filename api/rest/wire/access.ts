// Tokens and roles as they go over the wire.

import type { Static } from 'typebox';
import type { Permission, Role, Token } from '../../../store/model/access.ts';
import type * as schemas from '../schemas/access.ts';

export function wireToken(token: Token): Static<typeof schemas.Token> {
  const { tokenId, user, roles, metadata, created, expires, disabled } = token;
  return { id: tokenId, user, roles: [...roles], metadata: { ...metadata }, created, expires, disabled };
}

export function wireRole({ roleId, description, permissions, systemRole }: Role): Static<typeof schemas.Role> {
  return { id: roleId, description, permissions: permissions.map(wirePermission), system_role: systemRole };
}

function wirePermission({ resources, actions }: Permission): Static<typeof schemas.Permission> {
  return { resources: [...resources], actions: [...actions] };
}
