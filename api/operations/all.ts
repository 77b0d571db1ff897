// All operations, made once for a node and shared by every transport.

import type { ApiDeps } from './deps.ts';
import { createNamespaceOperations } from './namespaces.ts';

export type Operations = ReturnType<typeof createOperations>;

export function createOperations(deps: ApiDeps) {
  return {
    namespaces: createNamespaceOperations(deps),
  };
}
