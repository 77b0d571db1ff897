// Wire forms of tokens and roles.

import { Type } from 'typebox';
import { ACTIONS } from '../../../store/model/access.ts';
import { Timestamp, Uint64, component, mapOf, nullable, ref, words } from './common.ts';

export const Action = component('Action', words(...ACTIONS));

export const Permission = component(
  'Permission',
  Type.Object({ actions: Type.Array(ref(Action)), resources: Type.Array(Type.String()) }),
);

export const Role = component(
  'Role',
  Type.Object({
    description: Type.String(),
    id: Type.String(),
    permissions: Type.Array(ref(Permission)),
    system_role: Type.Boolean(),
  }),
);

export const CreateRoleRequest = component(
  'CreateRoleRequest',
  Type.Object({ description: Type.String(), id: Type.String(), permissions: Type.Array(ref(Permission)) }),
);
export const UpdateRoleRequest = component(
  'UpdateRoleRequest',
  Type.Object({
    description: Type.Optional(nullable(Type.String())),
    permissions: Type.Optional(nullable(Type.Array(ref(Permission)))),
  }),
);

export const CreateRoleResponse = component('CreateRoleResponse', Type.Object({ role: ref(Role) }));
export const GetRoleResponse = component('GetRoleResponse', Type.Object({ role: ref(Role) }));
export const UpdateRoleResponse = component('UpdateRoleResponse', Type.Object({ role: ref(Role) }));
export const ListRolesResponse = component('ListRolesResponse', Type.Object({ roles: Type.Array(ref(Role)) }));

/** The hash has no place here. */
export const Token = component(
  'Token',
  Type.Object({
    created: Timestamp,
    disabled: Type.Boolean(),
    expires: Timestamp,
    id: Type.String(),
    metadata: mapOf(Type.String()),
    roles: Type.Array(Type.String()),
    user: Type.String(),
  }),
);

export const CreateTokenRequest = component(
  'CreateTokenRequest',
  Type.Object({
    /** Seconds from now; 0 = never. */
    expires: Uint64,
    metadata: Type.Optional(nullable(mapOf(Type.String()))),
    roles: Type.Array(Type.String()),
    user: Type.String(),
  }),
);
export const UpdateTokenRequest = component(
  'UpdateTokenRequest',
  Type.Object({ disabled: Type.Optional(nullable(Type.Boolean())) }),
);

export const CreateTokenResponse = component(
  'CreateTokenResponse',
  Type.Object({ secret: Type.String(), token_details: ref(Token) }),
);
export const GetTokenByIDResponse = component('GetTokenByIDResponse', Type.Object({ token: ref(Token) }));
export const WhoAmIResponse = component('WhoAmIResponse', Type.Object({ token: ref(Token) }));
export const ListTokensResponse = component('ListTokensResponse', Type.Object({ tokens: Type.Array(ref(Token)) }));

export const RoleParams = Type.Object({ role_id: Type.String() });
export const TokenParams = Type.Object({ id: Type.String() });
