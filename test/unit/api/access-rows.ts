// What each route asks of its caller: spec 1.11, written down by hand, with what section 15 wants mended (29: cancelling a run and changing
// secrets are no reads), and our own additions. One row a route: method and path, resources, action, and a word for what is special.

export type Special = 'admin' | 'open' | 'anonymous' | 'free' | null;

export interface AccessRow {
  /** As the OpenAPI document writes it. */
  readonly route: string;
  readonly resources: readonly string[];
  readonly action: string;
  /** `free` = no header is looked at. */
  readonly special: Special;
}

const P = '/api/namespaces/{namespace_id}/pipelines/{pipeline_id}';
const RUN = `${P}/runs/{run_id}`;
const TASK = `${RUN}/tasks/{task_id}`;
const EXTENSION = '/api/extensions/{extension_id}';

const PL = 'namespaces pipelines';

const TABLE = `
GET /api/namespaces                       | namespaces | read
POST /api/namespaces                      | namespaces | write | admin
GET /api/namespaces/{namespace_id}        | namespaces | read
PATCH /api/namespaces/{namespace_id}      | namespaces | write | admin
DELETE /api/namespaces/{namespace_id}     | namespaces | delete | admin
GET /api/namespaces/{namespace_id}/pipelines | ${PL} | read | anonymous
GET ${P}                                  | ${PL} | read | anonymous
PATCH ${P}                                | ${PL} | write
DELETE ${P}                               | ${PL} | delete
GET ${P}/configs                          | ${PL} configs | read
POST ${P}/configs                         | ${PL} configs | write
GET ${P}/configs/{version}                | ${PL} configs | read
POST ${P}/configs/{version}               | ${PL} configs | write | admin
DELETE ${P}/configs/{version}             | ${PL} configs | delete
GET ${P}/deployments                      | ${PL} deployments | read
GET ${P}/deployments/{deployment_id}      | ${PL} deployments | read
GET ${P}/runs                             | ${PL} runs | read | anonymous
POST ${P}/runs                            | ${PL} runs | write
GET ${RUN}                                | ${PL} runs | read | anonymous
DELETE ${RUN}                             | ${PL} runs | write
POST ${RUN}/retry                         | ${PL} runs | write
GET ${RUN}/tasks                          | ${PL} runs task_executions | read
GET ${TASK}                               | ${PL} runs task_executions | read
DELETE ${TASK}                            | ${PL} runs task_executions | delete
GET ${TASK}/logs                          | ${PL} runs task_executions | read
DELETE ${TASK}/logs                       | ${PL} runs task_executions | delete
GET ${TASK}/attach                        | ${PL} runs task_executions | write
GET ${P}/objects                          | ${PL} objects | read
GET ${P}/objects/{key}                    | ${PL} objects | read
POST ${P}/objects/{key}                   | ${PL} objects | write
DELETE ${P}/objects/{key}                 | ${PL} objects | delete
GET ${RUN}/objects                        | ${PL} runs objects | read
GET ${RUN}/objects/{key}                  | ${PL} runs objects | read
POST ${RUN}/objects/{key}                 | ${PL} runs objects | write
DELETE ${RUN}/objects/{key}               | ${PL} runs objects | delete
GET ${P}/secrets                          | ${PL} secrets | read
POST ${P}/secrets                         | ${PL} secrets | write
GET ${P}/secrets/{key}                    | ${PL} secrets | read
DELETE ${P}/secrets/{key}                 | ${PL} secrets | delete
GET ${P}/subscriptions                    | ${PL} subscriptions | read
POST ${P}/subscriptions                   | ${PL} subscriptions | write
GET ${P}/subscriptions/{extension_id}/{subscription_id}    | ${PL} subscriptions | read
PATCH ${P}/subscriptions/{extension_id}/{subscription_id}  | ${PL} subscriptions | write
DELETE ${P}/subscriptions/{extension_id}/{subscription_id} | ${PL} subscriptions | delete
GET /api/extensions                       | extensions | read
POST /api/extensions                      | extensions | write | admin
GET ${EXTENSION}                          | extensions | read
PATCH ${EXTENSION}                        | extensions | write | admin
DELETE ${EXTENSION}                       | extensions | delete | admin
GET ${EXTENSION}/logs                     | extensions | read
GET ${EXTENSION}/debug                    | extensions | read | admin
GET ${EXTENSION}/subscriptions            | extensions | read
GET ${EXTENSION}/objects                  | extensions objects | read
GET ${EXTENSION}/objects/{key}            | extensions objects | read
POST ${EXTENSION}/objects/{key}           | extensions objects | write
DELETE ${EXTENSION}/objects/{key}         | extensions objects | delete
GET /api/secrets/global                   | secrets | read | admin
POST /api/secrets/global                  | secrets | write | admin
GET /api/secrets/global/{key}             | secrets | read | admin
DELETE /api/secrets/global/{key}          | secrets | delete | admin
GET /api/events                           | events | read
GET /api/events/{event_id}                | events | read
DELETE /api/events/{event_id}             | events | delete | admin
GET /api/roles                            | permissions | read
POST /api/roles                           | permissions | write | admin
GET /api/roles/{role_id}                  | permissions | read
PATCH /api/roles/{role_id}                | permissions | write | admin
DELETE /api/roles/{role_id}               | permissions | delete | admin
GET /api/tokens                           | tokens | read | admin
POST /api/tokens                          | tokens | write | admin
POST /api/tokens/bootstrap                | | write | open
GET /api/tokens/whoami                    | tokens | read
GET /api/tokens/{id}                      | tokens | read
PATCH /api/tokens/{id}                    | tokens | write | admin
DELETE /api/tokens/{id}                   | tokens | delete | admin
GET /api/system                           | system | read | admin
PATCH /api/system                         | system | write | admin
GET /api/system/metadata                  | | read | open
GET /api/cluster                          | system | read | admin
POST /api/cluster/drain/{node}            | system | write | admin
DELETE /api/cluster/drain/{node}          | system | write | admin
POST /api/cluster/transfer                | system | write | admin
GET /livez                                | | read | free
GET /readyz                               | | read | free
GET /docs/openapi.json                    | | read | free
`;

export const ACCESS_ROWS: readonly AccessRow[] = TABLE.trim().split('\n').map(parseRow);

function parseRow(line: string): AccessRow {
  const [route = '', resources = '', action = '', special = ''] = line.split('|').map((part) => part.trim());
  return { route, resources: resources.split(' ').filter(Boolean), action, special: parseSpecial(special) };
}

function parseSpecial(word: string): Special {
  switch (word) {
    case 'admin':
    case 'open':
    case 'anonymous':
    case 'free':
      return word;
    case '':
      return null;
    default:
      throw new Error(`no such word: ${word}`);
  }
}
