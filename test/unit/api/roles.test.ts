import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fixedRoles, injectedRoleId, systemRole } from '../../../api/auth/built-in-roles.ts';
import { allows } from '../../../api/auth/permissions.ts';
import { ACTIONS, RESOURCES } from '../../../store/model/access.ts';
import type { Role } from '../../../store/model/access.ts';
import { anApi, at, deployed, eventsLeft } from './api-world.ts';

const DEVELOPER = {
  id: 'developer',
  description: 'Works on pipelines of devops.',
  permissions: [{ resources: ['namespaces:^devops.*', 'pipelines:(?:a|b)', 'runs'], actions: ['read', 'write'] }],
};

test('roles: created, shown with their patterns whole, changed, deleted, with their events', async () => {
  await using api = await anApi();
  const whole = { ...DEVELOPER, system_role: false };
  expect(await api.call('POST /api/roles', DEVELOPER)).toMatchObject({ status: 201, body: { role: whole } });
  expect(await api.call('GET /api/roles/developer')).toMatchObject({ status: 200, body: { role: whole } });
  const permissions = [{ resources: ['all'], actions: ['read'] }];
  expect(await api.call('PATCH /api/roles/developer', { permissions })).toMatchObject({
    status: 200,
    body: { role: { ...whole, permissions } },
  });
  expect(await api.call('PATCH /api/roles/developer', { description: 'x', permissions: null })).toMatchObject({
    body: { role: { description: 'x', permissions } },
  });
  expect(await api.call('DELETE /api/roles/developer')).toMatchObject({ status: 204 });
  expect(await api.call('GET /api/roles/developer')).toMatchObject({ status: 404 });
  expect((await eventsLeft(api)).slice(1)).toEqual([
    { created_role: { role_id: 'developer' } },
    { deleted_role: { role_id: 'developer' } },
  ]);
});

test('roles: those that come with Gofer are listed first, then one for each pipeline, then those of people', async () => {
  await using api = await anApi();
  await deployed(api);
  await api.call('POST /api/roles', DEVELOPER);
  const roles = at((await api.call('GET /api/roles')).body, 'roles') as readonly { id: string; system_role: boolean }[];
  expect(roles.map(({ id, system_role }) => [id, system_role])).toEqual([
    ['bootstrap', true],
    ['admin', true],
    ['user', true],
    ['anonymous', true],
    ['inject_api_token_default_nightly', true],
    ['developer', false],
  ]);
});

test.each(['admin', 'bootstrap', 'user', 'anonymous', 'inject_api_token_default_nightly'])(
  'roles: %s can be seen, and neither made, changed nor deleted',
  async (id) => {
    await using api = await anApi();
    await deployed(api);
    expect(await api.call(`GET /api/roles/${id}`)).toMatchObject({ status: 200, body: { role: { id } } });
    expect((await api.call('POST /api/roles', { ...DEVELOPER, id })).status).toBe(id.includes('_') ? 400 : 409);
    expect(await api.call(`PATCH /api/roles/${id}`, { description: '' })).toMatchObject({ status: 403 });
    expect(await api.call(`DELETE /api/roles/${id}`)).toMatchObject({ status: 403 });
  },
);

const withResource = (resource: string) => ({
  ...DEVELOPER,
  permissions: [{ resources: ['runs', resource], actions: ['read'] }],
});

test.each([
  ['an id with an underscore', { ...DEVELOPER, id: 'dev_eloper' }, /^id: /],
  ['an unknown resource', withResource('robots'), /^permissions\[0\]\.resources\[1\]: expected one of all, namespaces/],
  ['a pattern that is none', withResource('namespaces:['), /^permissions\[0\]\.resources\[1\]: it is not a regular/],
  ['a look-around', withResource('namespaces:(?=a)'), /^permissions\[0\]\.resources\[1\]: it is not a regular/],
  ['too long a pattern', withResource(`namespaces:${'a'.repeat(201)}`), /longer than 200/],
  ['a pattern where none is looked at', withResource('configs:^mine$'), /configs takes no pattern/],
  ['an unknown action', { ...DEVELOPER, permissions: [{ resources: [], actions: ['fly'] }] }, /permissions/],
  ['too many permissions', { ...DEVELOPER, permissions: Array(101).fill(DEVELOPER.permissions[0]) }, /^permissions: /],
  ['too long a description', { ...DEVELOPER, description: 'x'.repeat(65_537) }, /^description: /],
])('roles: %s is refused, and nothing is kept', async (_what, body, message) => {
  await using api = await anApi();
  const answer = await api.call('POST /api/roles', body);
  expect(answer.status).toBe(400);
  expect(String(at(answer.body, 'message'))).toMatch(message);
  expect(await api.call(`GET /api/roles/${body.id}`)).toMatchObject({ status: 404 });
});

test('roles: a second one by the same id, a change of nothing, one that is missing', async () => {
  await using api = await anApi();
  await api.call('POST /api/roles', DEVELOPER);
  expect(await api.call('POST /api/roles', DEVELOPER)).toMatchObject({ status: 409 });
  expect(await api.call('PATCH /api/roles/developer', {})).toMatchObject({ status: 400 });
  for (const id of ['absent', 'a%2Fb', 'x_y']) {
    expect(await api.call(`GET /api/roles/${id}`)).toMatchObject({ status: 404 });
    expect(await api.call(`PATCH /api/roles/${id}`, { description: '' })).toMatchObject({ status: 404 });
    expect(await api.call(`DELETE /api/roles/${id}`)).toMatchObject({ status: 404 });
  }
});

function role(...permissions: Role['permissions']): Role {
  return { roleId: 'some', description: '', permissions, systemRole: false };
}
const READ = ['read'] as const;

test.each([
  ['all is every resource', role({ resources: ['all'], actions: READ }), {}, true],
  ['a name in any casing', role({ resources: ['Namespaces', 'RUNS'], actions: READ }), { namespaces: 'default' }, true],
  [
    'an empty pattern is any id',
    role({ resources: ['namespaces:', 'runs'], actions: READ }),
    { namespaces: 'a' },
    true,
  ],
  ['no target: the name is enough', role({ resources: ['namespaces:^x$', 'runs'], actions: READ }), {}, true],
  [
    'a pattern matches anywhere',
    role({ resources: ['namespaces:web', 'runs'], actions: READ }),
    { namespaces: 'web2' },
    true,
  ],
  [
    'an anchored one does not',
    role({ resources: ['namespaces:^web$', 'runs'], actions: READ }),
    { namespaces: 'web2' },
    false,
  ],
  [
    'colons belong to the pattern',
    role({ resources: ['namespaces:(?:a|b)', 'runs'], actions: READ }),
    { namespaces: 'b' },
    true,
  ],
  [
    'a bad pattern matches nothing',
    role({ resources: ['namespaces:[', 'runs'], actions: READ }),
    { namespaces: '[' },
    false,
  ],
  ['an unknown name is nothing', role({ resources: ['robots', 'runs'], actions: READ }), { namespaces: 'a' }, false],
  [
    'two entries of one role go together',
    role({ resources: ['namespaces'], actions: READ }, { resources: ['runs'], actions: READ }),
    { namespaces: 'a' },
    true,
  ],
  [
    'each with the action itself',
    role({ resources: ['namespaces'], actions: READ }, { resources: ['runs'], actions: ['write'] }),
    { namespaces: 'a' },
    false,
  ],
])('permissions: %s', (_what, one, targets, allowed) => {
  expect(allows([one], { resources: ['namespaces', 'runs'], action: 'read' }, targets)).toBe(allowed);
});

test('permissions: two roles are never put together', () => {
  const halves = [role({ resources: ['namespaces'], actions: READ }), role({ resources: ['runs'], actions: READ })];
  expect(allows(halves, { resources: ['namespaces', 'runs'], action: 'read' }, {})).toBe(false);
});

test('permissions: no role that comes with Gofer, but those of administrators, allows more than it says', () => {
  const injected = systemRole(injectedRoleId('team-a', 'web'));
  expect(injected).not.toBeNull();
  const roles = [
    ...fixedRoles().filter(({ roleId }) => !['admin', 'bootstrap'].includes(roleId)),
    ...(injected === null ? [] : [injected]),
  ];
  const demands = fc.record({ resource: fc.constantFrom(...RESOURCES), action: fc.constantFrom(...ACTIONS) });
  fc.assert(
    fc.property(fc.constantFrom(...roles), demands, (one, { resource, action }) => {
      const named = one.permissions.some(
        ({ resources, actions }) =>
          actions.includes(action) && resources.some((text) => text.split(':')[0] === resource),
      );
      expect(allows([one], { resources: [resource], action }, {})).toBe(named);
    }),
  );
});

test.each([
  ['its own pipeline is written to', 'write', { namespaces: 'team-a', pipelines: 'web' }, true],
  ['another pipeline is not', 'write', { namespaces: 'team-a', pipelines: 'web2' }, false],
  ['nor one by its name elsewhere', 'write', { namespaces: 'team-b', pipelines: 'web' }, false],
  ['its namespace is read', 'read', { namespaces: 'team-a', pipelines: 'other' }, true],
  ['the default one as well', 'read', { namespaces: 'default', pipelines: 'other' }, true],
  ['no other', 'read', { namespaces: 'team-ab', pipelines: 'web' }, false],
  ['nothing is deleted', 'delete', { namespaces: 'team-a', pipelines: 'web' }, false],
] as const)('the role of injected tokens: %s', (_what, action, targets, allowed) => {
  const injected = systemRole('inject_api_token_team-a_web');
  const resources = ['namespaces', 'pipelines', 'configs'] as const;
  expect(injected !== null && allows([injected], { resources, action }, targets)).toBe(allowed);
  expect(injected !== null && allows([injected], { resources: ['secrets'], action }, targets)).toBe(false);
  expect(injected !== null && allows([injected], { resources: ['tokens'], action }, targets)).toBe(false);
});

test.each(['inject_api_token_', 'inject_api_token_web', 'inject_api_token_a_b_c', 'inject_api_token_team a_web'])(
  'no role is made of %j',
  (id) => expect(systemRole(id)).toBeNull(),
);
