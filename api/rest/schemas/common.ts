// The small parts that all wire schemas are made of. A component is a schema with a name of the OpenAPI document as its $id; `ref`
// points to it, so that it is compiled once and documented once.

import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';

export type Component = TSchema & { readonly $id: string };

/** By reference at run time, by value for the compiler. */
export function ref<T extends TSchema>(component: T & { readonly $id: string }) {
  return Type.Unsafe<Static<T>>({ $ref: `${component.$id}#` });
}

/** Gives a schema its name in the OpenAPI document. */
export function component<T extends TSchema>($id: string, schema: T): T & { readonly $id: string } {
  return { ...schema, $id };
}

/** One of several words. */
export function words<const T extends readonly string[]>(...allowed: T) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: allowed });
}

/** Text by any key. */
export function mapOf<T extends TSchema>(values: T) {
  return Type.Unsafe<Record<string, Static<T>>>({ type: 'object', additionalProperties: values });
}

/** Or null. A component is written out in full, as the validator wants it; the document shows the reference. */
export function nullable<T extends TSchema>(schema: T) {
  const parts = new Map<string, unknown>(Object.entries(schema));
  const name = parts.get('$id');
  const allowed = parts.get('enum');
  parts.delete('$id');
  if (name !== undefined) parts.set('x-component', name);
  if (Array.isArray(allowed)) parts.set('enum', Array.from<unknown>(allowed).concat(null));
  return Type.Unsafe<Static<T> | null>({ ...Object.fromEntries(parts), nullable: true });
}

export const Uint64 = Type.Integer({ format: 'uint64', minimum: 0 });
export const Int64 = Type.Integer({ format: 'int64' });
/** Milliseconds since the Unix epoch; 0 = has not happened. */
export const Timestamp = Uint64;

export const ErrorBody = component(
  'Error',
  Type.Object({
    error_code: Type.Optional(Type.String()),
    message: Type.String(),
    request_id: Type.String(),
  }),
);

/**
 * The answers of a route when all goes well. Errors look the same everywhere: the document adds them to each route, and no
 * serialiser is compiled for them, which would take two thirds of the time that a server needs to be ready.
 */
export function answers<const T extends Record<number, TSchema>>(good: T): T {
  return good;
}

export const Deleted = Type.Null({ description: 'successful deletion' });
export const Updated = Type.Null({ description: 'resource updated' });
