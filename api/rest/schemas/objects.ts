// Wire forms of objects of pipelines and runs. The bytes themselves are opaque bodies.

import { Type } from 'typebox';
import { Timestamp, Uint64, component, ref } from './common.ts';
import { PipelineParams } from './pipelines.ts';
import { RunParams } from './runs.ts';

const StoredObject = component(
  'Object',
  Type.Object({
    created: Timestamp,
    key: Type.String(),
    /** Ours: when the bytes that are there now were put. */
    modified: Type.Optional(Timestamp),
    /** Ours: of the bytes, in hex. */
    sha256: Type.Optional(Type.String()),
    /** Ours: bytes. */
    size: Type.Optional(Uint64),
  }),
);
export { StoredObject as Object };

const list = Type.Object({ objects: Type.Array(ref(StoredObject)) });
const put = Type.Object({ object: ref(StoredObject) });

export const ListPipelineObjectsResponse = component('ListPipelineObjectsResponse', list);
export const PutPipelineObjectResponse = component('PutPipelineObjectResponse', put);
export const ListRunObjectsResponse = component('ListRunObjectsResponse', list);
export const PutRunObjectResponse = component('PutRunObjectResponse', put);

const ofKey = { key: Type.String() };
export const PipelineObjectParams = Type.Object({ ...PipelineParams.properties, ...ofKey });
export const RunObjectParams = Type.Object({ ...RunParams.properties, ...ofKey });
/** True: replace what is there. */
export const PutObjectQuery = Type.Object({ force: Type.Boolean() });
