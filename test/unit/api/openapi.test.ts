// The emitted OpenAPI document against the facts of the original: nothing that the built routes have there may be missing or
// different. What is ours in addition is listed here, so that nothing is added by chance.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openapiFacts } from '../../../.house/openapi-facts.mjs';
import type { OpenapiFacts } from '../../../.house/openapi-facts.mjs';
import { NOT_BUILT } from '../../../api/operations/not-built.ts';
import { anApi } from './api-world.ts';

const GOLDEN = new URL('../../golden/openapi-facts.json', import.meta.url);
const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as OpenapiFacts;

async function emitted(): Promise<OpenapiFacts> {
  await using api = await anApi();
  return openapiFacts((await api.call('GET /docs/openapi.json')).body);
}

const facts = await emitted();

/** `GET /api/roles/{role_id}`: as the document writes it. */
const notBuilt = new Set(NOT_BUILT.map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`));

/** Older clients omit these, so the server does not insist (spec 14.1). */
const RELAXED: Readonly<Record<string, readonly string[]>> = {
  Task2: ['always_pull_newest_image', 'depends_on', 'inject_api_token', 'variables'],
};

const OURS: Readonly<Record<string, readonly string[]>> = {
  Config: ['timeout_seconds'],
  Metadata: ['live_version'],
  Object: ['modified', 'sha256', 'size'],
  Pipeline: ['timeout_seconds'],
  Run: ['execution_started', 'retry_of'],
  Secret: ['modified'],
  Task: ['resources', 'retries', 'timeout_seconds'],
  Task2: ['resources', 'retries', 'timeout_seconds'],
  TaskExecution: ['attempt', 'attempts', 'carried_from', 'retry_at', 'waiting_for'],
};
const OUR_COMPONENTS = [
  ...['Resources', 'Retries', 'TaskAttempt'],
  ...['ClusterDrain', 'ClusterLeader', 'ClusterMember', 'ClusterStore', 'ClusterTransfer'],
  ...['DrainNodeResponse', 'GetClusterResponse', 'TransferLeadershipRequest', 'TransferLeadershipResponse'],
  ...['LivenessResponse', 'ReadinessResponse'],
];
const OUR_OPERATIONS = [
  'DELETE /api/cluster/drain/{node}',
  'GET /api/cluster',
  'GET /livez',
  'GET /readyz',
  'POST /api/cluster/drain/{node}',
  'POST /api/cluster/transfer',
  'POST /api/namespaces/{namespace_id}/pipelines/{pipeline_id}/runs/{run_id}/retry',
];
const OUR_PARAMETERS = [
  'path node',
  'query force',
  'header idempotency-key',
  // Of the stream of events.
  ...['query after', 'query kind', 'query namespace_id', 'query pipeline_id', 'query run_id'],
  // Of task logs.
  ...['query follow', 'query tail', 'query since', 'query timestamps', 'query attempt', 'query wait'],
  // Of a shell in a task.
  ...['query columns', 'query rows'],
];

const builtOperations = Object.keys(golden.operations).filter((name) => !notBuilt.has(name));

test('openapi: every route of the original is either documented or in the table of what is not built', () => {
  const missing = builtOperations.filter((name) => facts.operations[name] === undefined);
  expect(missing).toEqual([]);
});

test.each(builtOperations)('openapi: %s has all that it has in the original', (name) => {
  expect(facts.operations[name]).toMatchObject(golden.operations[name] ?? {});
});

test('openapi: what is added to the original routes is known', () => {
  const added = Object.keys(facts.operations).filter((name) => golden.operations[name] === undefined);
  expect(added).toEqual(OUR_OPERATIONS);
  for (const name of builtOperations) {
    const ours = parametersOf(facts, name).filter((parameter) => !parametersOf(golden, name).includes(parameter));
    expect(OUR_PARAMETERS).toEqual(expect.arrayContaining(ours));
  }
});

function parametersOf({ operations }: OpenapiFacts, name: string): string[] {
  const operation = operations[name];
  return operation !== undefined && 'parameters' in operation ? Object.keys(operation.parameters as object) : [];
}

const emittedComponents = Object.keys(facts.components).filter((name) => !OUR_COMPONENTS.includes(name));

test.each(emittedComponents)('openapi: component %s is that of the original', (name) => {
  const { properties: wanted = {}, ...wantedRest } = golden.components[name] ?? { properties: { absent: {} } };
  const { properties: seen = {}, ...seenRest } = facts.components[name] ?? {};
  expect(seenRest).toEqual(wantedRest);
  const ours = Object.keys(seen).filter((property) => wanted[property] === undefined);
  expect(ours).toEqual(OURS[name] ?? []);
  for (const [property, fact] of Object.entries(wanted)) {
    const relaxed = RELAXED[name]?.includes(property) === true ? { required: false } : {};
    expect({ property, ...seen[property] }).toEqual({ property, ...fact, ...relaxed });
  }
});

test('openapi: every component that a built route refers to is there', () => {
  const names = [...JSON.stringify(facts).matchAll(/"ref":"([^"]+)"/g)].map(([, name]) => name ?? '');
  expect(names.filter((name) => facts.components[name] === undefined)).toEqual([]);
});
