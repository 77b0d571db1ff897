// Wire forms of secrets. Values appear only where a request asked for them.

import { Type } from 'typebox';
import { Timestamp, component, nullable, ref } from './common.ts';
import { PipelineParams } from './pipelines.ts';

export const Secret = component(
  'Secret',
  Type.Object({
    created: Timestamp,
    key: Type.String(),
    /** Ours: when the value that is there now was put. */
    modified: Type.Optional(Timestamp),
    namespaces: Type.Array(Type.String()),
  }),
);

const list = Type.Object({ secrets: Type.Array(ref(Secret)) });
const read = Type.Object({ metadata: ref(Secret), secret: Type.Optional(nullable(Type.String())) });
const made = Type.Object({ secret: ref(Secret) });
const put = { content: Type.String(), force: Type.Boolean(), key: Type.String() };

export const ListGlobalSecretsResponse = component('ListGlobalSecretsResponse', list);
export const GetGlobalSecretResponse = component('GetGlobalSecretResponse', read);
export const PutGlobalSecretRequest = component(
  'PutGlobalSecretRequest',
  Type.Object({ ...put, namespaces: Type.Array(Type.String()) }),
);
export const PutGlobalSecretResponse = component('PutGlobalSecretResponse', made);
export const ListPipelineSecretsResponse = component('ListPipelineSecretsResponse', list);
export const GetPipelineSecretResponse = component('GetPipelineSecretResponse', read);
export const PutPipelineSecretRequest = component('PutPipelineSecretRequest', Type.Object(put));
export const PutPipelineSecretResponse = component('PutPipelineSecretResponse', made);

const ofKey = { key: Type.String() };
export const GlobalSecretParams = Type.Object(ofKey);
export const PipelineSecretParams = Type.Object({ ...PipelineParams.properties, ...ofKey });
export const ReadSecretQuery = Type.Object({ include_secret: Type.Boolean() });
