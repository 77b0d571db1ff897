// What the contract has and this version does not do yet: the rows of spec 1.11 with the permission that each will need. A route
// that gets built moves from here to a family of its own.

import type { Needs } from './operation.ts';

export interface NotBuilt {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `:name` for variables. */
  readonly url: string;
  readonly operationId: string;
  readonly needs: Needs;
}

const EXTENSION = '/api/extensions/:extension_id';
const EXTENSION_OBJECT = `${EXTENSION}/objects/:key`;
const SUBSCRIPTIONS = '/api/namespaces/:namespace_id/pipelines/:pipeline_id/subscriptions';
const SUBSCRIPTION = `${SUBSCRIPTIONS}/:extension_id/:subscription_id`;

const ofExtensions = (action: Needs['action'], adminOnly = false): Needs => ({
  resources: ['extensions'],
  action,
  adminOnly,
});
const ofExtensionObjects = (action: Needs['action']): Needs => ({ resources: ['extensions', 'objects'], action });
const ofSubscriptions = (action: Needs['action']): Needs => ({
  resources: ['namespaces', 'pipelines', 'subscriptions'],
  action,
});
export const NOT_BUILT: readonly NotBuilt[] = [
  { method: 'GET', url: '/api/extensions', operationId: 'list_extensions', needs: ofExtensions('read') },
  { method: 'POST', url: '/api/extensions', operationId: 'install_extension', needs: ofExtensions('write', true) },
  { method: 'GET', url: EXTENSION, operationId: 'get_extension', needs: ofExtensions('read') },
  { method: 'PATCH', url: EXTENSION, operationId: 'update_extension', needs: ofExtensions('write', true) },
  { method: 'DELETE', url: EXTENSION, operationId: 'uninstall_extension', needs: ofExtensions('delete', true) },
  { method: 'GET', url: `${EXTENSION}/logs`, operationId: 'get_extension_logs', needs: ofExtensions('read') },
  {
    method: 'GET',
    url: `${EXTENSION}/debug`,
    operationId: 'get_extension_debug_info',
    needs: ofExtensions('read', true),
  },
  {
    method: 'GET',
    url: `${EXTENSION}/subscriptions`,
    operationId: 'list_extension_subscriptions',
    needs: ofExtensions('read'),
  },
  {
    method: 'GET',
    url: `${EXTENSION}/objects`,
    operationId: 'list_extension_objects',
    needs: ofExtensionObjects('read'),
  },
  { method: 'GET', url: EXTENSION_OBJECT, operationId: 'get_extension_object', needs: ofExtensionObjects('read') },
  { method: 'POST', url: EXTENSION_OBJECT, operationId: 'put_extension_object', needs: ofExtensionObjects('write') },
  {
    method: 'DELETE',
    url: EXTENSION_OBJECT,
    operationId: 'delete_extension_object',
    needs: ofExtensionObjects('delete'),
  },
  { method: 'GET', url: SUBSCRIPTIONS, operationId: 'list_subscriptions', needs: ofSubscriptions('read') },
  { method: 'POST', url: SUBSCRIPTIONS, operationId: 'create_subscription', needs: ofSubscriptions('write') },
  { method: 'GET', url: SUBSCRIPTION, operationId: 'get_subscription', needs: ofSubscriptions('read') },
  { method: 'PATCH', url: SUBSCRIPTION, operationId: 'update_subscription', needs: ofSubscriptions('write') },
  { method: 'DELETE', url: SUBSCRIPTION, operationId: 'delete_subscription', needs: ofSubscriptions('delete') },
];
