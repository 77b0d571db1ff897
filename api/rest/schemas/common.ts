// The small parts that all wire schemas are made of. A component is a schema with a name of the OpenAPI document as its $id; `ref`
// points to it, so that it is compiled once and documented once.

import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';

export type Component = TSchema & { readonly $id: string };

/** By reference at run time, by value for the compiler. */
export function ref<T extends TSchema>(component: T & { readonly $id: string }, options: object = {}) {
  return Type.Unsafe<Static<T>>({ ...options, $ref: `${component.$id}#` });
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
export function mapOf<T extends TSchema>(values: T, options: object = {}) {
  return Type.Unsafe<Record<string, Static<T>>>({ ...options, type: 'object', additionalProperties: values });
}

export function nullable<T extends TSchema>(schema: T, options: object = {}) {
  return Type.Unsafe<Static<T> | null>({ ...options, ...schema, nullable: true });
}

/** A component or null. Written out in full, as the validator wants it; the document shows the reference. */
export function nullableRef<T extends TSchema>(component: T & { readonly $id: string }, options: object = {}) {
  const { $id, ...schema } = component;
  return Type.Unsafe<Static<T> | null>({ ...options, ...schema, nullable: true, 'x-component': $id });
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

/** The answers of a route: what it gives when all goes well, and the errors that each has. */
export function answers<const T extends Record<number, TSchema>>(good: T) {
  return { ...good, '4xx': ref(ErrorBody), '5xx': ref(ErrorBody) };
}

export const Deleted = Type.Null({ description: 'successful deletion' });
export const Updated = Type.Null({ description: 'resource updated' });
