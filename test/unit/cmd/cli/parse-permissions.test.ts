import { expect, test } from 'vitest';
import { parsePermission, parsePermissions } from '../../../../cmd/cli/parse-permissions.ts';

test.each([
  ['runs=read', { resources: ['runs'], actions: ['read'] }],
  [' pipelines , runs = read , write ', { resources: ['pipelines', 'runs'], actions: ['read', 'write'] }],
  ['namespaces:^a=b$=delete', { resources: ['namespaces:^a=b$'], actions: ['delete'] }],
])('%j is a permission', (text, permission) => expect(parsePermission(text)).toEqual(permission));

test.each([
  ['runs', /expected resources=actions/],
  ['', /expected resources=actions/],
  ['=read', /expected resources=actions/],
  [',=read', /expected resources=actions/],
  ['runs=', /expected resources=actions/],
  ['runs=fly', /"fly" is no action; there are read, write and delete/],
])('%j is none, and why is said', (text, why) => expect(() => parsePermission(text)).toThrow(why));

test('a file has an array of them', () => {
  const permissions = [{ resources: ['runs'], actions: ['read'] }];
  expect(parsePermissions(JSON.stringify(permissions), 'some.json')).toEqual(permissions);
});

test.each([
  ['{', /^some\.json is not valid JSON/],
  ['{}', /^some\.json: expected a JSON array/],
  ['[1]', /^some\.json: entry 1: resources: expected an array of texts/],
  ['[{"resources": [1], "actions": []}]', /entry 1: resources/],
  ['[{"resources": [], "actions": "read"}]', /entry 1: actions/],
  ['[{"resources": [], "actions": ["fly"]}]', /entry 1: "fly" is no action/],
])('a file with %j has none, and why is said', (text, why) =>
  expect(() => parsePermissions(text, 'some.json')).toThrow(why),
);
