// Wire forms of namespaces.

import { Type } from 'typebox';
import { Timestamp, component, nullable, ref } from './common.ts';

export const Namespace = component(
  'Namespace',
  Type.Object({
    created: Timestamp,
    description: Type.String(),
    id: Type.String(),
    modified: Timestamp,
    name: Type.String(),
  }),
);

export const CreateNamespaceRequest = component(
  'CreateNamespaceRequest',
  Type.Object({ description: Type.String(), id: Type.String(), name: Type.String() }),
);
export const UpdateNamespaceRequest = component(
  'UpdateNamespaceRequest',
  Type.Object({
    description: Type.Optional(nullable(Type.String())),
    name: Type.Optional(nullable(Type.String())),
  }),
);

export const CreateNamespaceResponse = component('CreateNamespaceResponse', Type.Object({ namespace: ref(Namespace) }));
export const GetNamespaceResponse = component('GetNamespaceResponse', Type.Object({ namespace: ref(Namespace) }));
export const UpdateNamespaceResponse = component('UpdateNamespaceResponse', Type.Object({ namespace: ref(Namespace) }));
export const ListNamespacesResponse = component(
  'ListNamespacesResponse',
  Type.Object({ namespaces: Type.Array(ref(Namespace)) }),
);

export const NamespaceParams = Type.Object({ namespace_id: Type.String() });
