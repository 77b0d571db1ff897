// Reduces an OpenAPI document to the facts that clients depend on, without its texts: paths, methods, parameters, statuses,
// media types, and of each component the properties with type, format, enum and whether they are required. Two documents that
// say the same in different ways (an allOf of one, a oneOf of single words) have the same facts.
//
//   node .house/openapi-facts.mjs <openapi.json> > test/golden/openapi-facts.json

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** @param {any} document @returns {{ operations: object, components: object }} */
export function openapiFacts(document) {
  const operations = {};
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      operations[`${method.toUpperCase()} ${path}`] = operationFacts(document, operation);
    }
  }
  const components = Object.entries(document.components.schemas).map(([name, schema]) => [name, schemaFacts(schema)]);
  return { operations: sorted(operations), components: sorted(Object.fromEntries(components)) };
}

function operationFacts(document, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => [
    `${parameter.in} ${parameter.name}`,
    { required: parameter.required === true, ...schemaFacts(parameter.schema) },
  ]);
  const responses = Object.entries(operation.responses).map(([status, response]) => [
    status,
    contentFacts(resolved(document, response).content),
  ]);
  return {
    operationId: operation.operationId,
    tags: operation.tags,
    parameters: sorted(Object.fromEntries(parameters)),
    body: contentFacts(operation.requestBody?.content),
    responses: sorted(Object.fromEntries(responses)),
  };
}

/** Only responses are looked up: components of schemas are facts of their own. */
function resolved(document, response) {
  if (response.$ref === undefined) return response;
  return document.components.responses[response.$ref.split('/').at(-1)];
}

function contentFacts(content) {
  if (content === undefined) return null;
  const facts = Object.entries(content).map(([media, { schema }]) => [media, schemaFacts(schema ?? {})]);
  return sorted(Object.fromEntries(facts));
}

function schemaFacts(schema) {
  if (schema.$ref !== undefined) return { ref: schema.$ref.split('/').at(-1) };
  const nullable = schema.nullable === true ? { nullable: true } : {};
  if (schema.allOf?.length === 1) return { ...schemaFacts(schema.allOf[0]), ...nullable };
  const words = wordsOf(schema);
  if (words !== null) return { type: 'string', enum: words, ...nullable };
  if (schema.oneOf !== undefined) return { oneOf: schema.oneOf.map(schemaFacts), ...nullable };
  return { ...typeFacts(schema), ...nullable };
}

function typeFacts(schema) {
  const facts = {};
  for (const key of ['type', 'format', 'minimum']) if (schema[key] !== undefined) facts[key] = schema[key];
  if (schema.items !== undefined) facts.items = schemaFacts(schema.items);
  if (typeof schema.additionalProperties === 'object') facts.values = schemaFacts(schema.additionalProperties);
  if (schema.properties !== undefined) {
    const required = new Set(schema.required ?? []);
    const properties = Object.entries(schema.properties).map(([name, property]) => [
      name,
      { required: required.has(name), ...schemaFacts(property) },
    ]);
    facts.properties = sorted(Object.fromEntries(properties));
  }
  return facts;
}

/** The allowed words, in alphabetical order, also when each stands in an alternative of its own. */
function wordsOf(schema) {
  if (schema.enum !== undefined) return schema.enum.filter((word) => word !== null).sort();
  if (schema.oneOf === undefined) return null;
  const parts = schema.oneOf.map(wordsOf);
  return parts.includes(null) ? null : parts.flat().sort();
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([left], [right]) => (left < right ? -1 : 1)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    process.stderr.write('usage: node .house/openapi-facts.mjs <openapi.json>\n');
    process.exitCode = 2;
  } else {
    process.stdout.write(`${JSON.stringify(openapiFacts(JSON.parse(readFileSync(file, 'utf8'))), null, 1)}\n`);
  }
}
