// The OpenAPI document, emitted from the same schemas that validate and serialise. Served at GET /docs/openapi.json.

import swagger from '@fastify/swagger';
import type { RestApp } from './app.ts';

const ERROR_RESPONSE = { $ref: '#/components/responses/Error' };

const TAGS: readonly { readonly name: string; readonly description: string }[] = [
  { name: 'Configs', description: 'The numbered, immutable versions of a pipeline.' },
  { name: 'Deployments', description: 'The acts of making a config version live.' },
  { name: 'Events', description: 'What happened, in order, as a durable stream.' },
  { name: 'Extensions', description: 'Long-running containers that act for pipelines.' },
  { name: 'Namespaces', description: "A team's share of the system; holds pipelines." },
  { name: 'Objects', description: 'Blobs that tasks, runs and pipelines hand to each other.' },
  { name: 'Permissions', description: 'Roles: who may do what.' },
  { name: 'Pipelines', description: 'Named graphs of containers.' },
  { name: 'Runs', description: 'Executions of a pipeline.' },
  { name: 'Secrets', description: 'Confidential values, of one pipeline or for many.' },
  { name: 'Subscriptions', description: 'Ties between a pipeline and an extension.' },
  { name: 'System', description: 'The service itself.' },
  { name: 'Tasks', description: 'Containers of a run.' },
  { name: 'Tokens', description: 'Keys to the API.' },
];

/** Before any route is added: it notes them as they come. */
export function documentRoutes(app: RestApp, version: string): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'Gofer', version },
      tags: [...TAGS],
      components: {
        responses: {
          Error: {
            description: 'Error',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        },
      },
    },
    hideUntagged: true,
    // A component goes by its $id, as in the original document.
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === 'string' ? $id : `def-${index}`),
    },
    transformObject: (document) => ('openapiObject' in document ? tidied(document.openapiObject) : {}),
  });
}

type Json = Readonly<Record<string, unknown>>;

/** What the document says of bodies that no schema describes; routes name them by `x-answer` and `x-upload`. */
export const BYTES_IN = { 'x-upload': 'bytes' } as const;
export const BYTES_OUT = { 'x-answer': 'bytes' } as const;
export const STREAM_OUT = { 'x-answer': 'stream' } as const;

const ANYTHING = { description: '', content: { '*/*': { schema: {} } } };
const UPLOAD = {
  content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
  required: true,
};

/** An operation whose bodies no schema describes, as the document shows it; undefined for any other value. */
function described(value: unknown): object | undefined {
  if (!isObject(value) || !('operationId' in value)) return undefined;
  const { 'x-answer': answer, 'x-upload': upload, ...operation } = value;
  if (answer === undefined && upload === undefined) return undefined;
  const body = upload === undefined ? {} : { requestBody: UPLOAD };
  if (answer === 'stream') {
    return { ...operation, ...body, responses: { default: ANYTHING }, 'x-dropshot-websocket': {} };
  }
  return answer === 'bytes' ? { ...operation, ...body, responses: { 200: ANYTHING } } : { ...operation, ...body };
}

/** Adds the errors to every route, and shows nullable components by reference, as generators of clients want them. */
function tidied(document: object): object {
  return mapObject(document, (key, value) => {
    const name = isObject(value) ? value['x-component'] : undefined;
    const operation = described(value);
    if (operation !== undefined) return tidied(operation);
    if (typeof name === 'string') return { nullable: true, allOf: [{ $ref: `#/components/schemas/${name}` }] };
    if (key === 'responses' && isObject(value) && !('Error' in value) && !('default' in value)) {
      return { ...mapObject(value, () => undefined), '4XX': ERROR_RESPONSE, '5XX': ERROR_RESPONSE };
    }
    return undefined;
  });
}

/** A copy in which `change` may replace any value; undefined = look inside. */
function mapObject(object: object, change: (key: string, value: unknown) => object | undefined): object {
  const inside = (key: string, value: unknown): unknown => {
    const changed = change(key, value);
    if (changed !== undefined) return changed;
    if (Array.isArray(value)) return value.map((item: unknown) => inside('', item));
    return isObject(value) ? mapObject(value, change) : value;
  };
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, inside(key, value)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
