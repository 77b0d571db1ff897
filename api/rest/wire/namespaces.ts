// Namespaces as they go over the wire.

import type { Static } from 'typebox';
import type { Namespace } from '../../../store/model/config.ts';
import type { Namespace as WireNamespace } from '../schemas/namespaces.ts';

export function wireNamespace(namespace: Namespace): Static<typeof WireNamespace> {
  return {
    id: namespace.namespaceId,
    name: namespace.name,
    description: namespace.description,
    created: namespace.created,
    modified: namespace.modified,
  };
}
