// Tokens (spec 1.6, 1.7). The secret is in the answer to its creation and nowhere else; what is kept is its hash.

import { hashOfSecret, newTokenSecret } from '../auth/token-secret.ts';
import { keys } from '../../store/keys.ts';
import type { Token } from '../../store/model/access.ts';
import { AppError } from '../../store/model/errors.ts';
import * as limits from '../../store/model/limits.ts';
import { tokenNameRecord, tokenRecord } from '../../store/records/access-records.ts';
import { preferencesRecord } from '../../store/records/system-records.ts';
import type { Write } from '../../store/state/port.ts';
import type { ApiDeps } from './deps.ts';
import type { Needs, Operation, RequestContext } from './operation.ts';
import { notFound } from './parse-place.ts';
import { contended, findRecord, listRecords, needRecord, retried } from './store-pages.ts';
import { NO_PREFERENCES } from './system.ts';

export interface NewToken {
  readonly user: string;
  readonly roles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Seconds from now; 0 = never. */
  readonly expires: number;
}
export interface CreatedToken {
  readonly token: Token;
  readonly secret: string;
}
export interface TokenPlace {
  readonly tokenId: string;
}
export interface TokenChange extends TokenPlace {
  readonly disabled: boolean | null;
}

const BOOTSTRAP_ROLE = 'bootstrap';
const FIRST_TOKEN: NewToken = {
  user: 'bootstrap',
  roles: [BOOTSTRAP_ROLE],
  metadata: { bootstrap_token: 'true' },
  expires: 0,
};

const READ: Needs = { resources: ['tokens'], action: 'read' };
const ofAdmins = (action: Needs['action']): Needs => ({ resources: ['tokens'], action, adminOnly: true });

export function createTokenOperations(deps: ApiDeps) {
  const { state } = deps;
  return {
    listTokens: {
      operationId: 'list_tokens',
      needs: ofAdmins('read'),
      run: () => listRecords(state, keys.tokens(), tokenRecord),
    } satisfies Operation<void, Token[]>,

    createToken: {
      operationId: 'create_token',
      needs: ofAdmins('write'),
      run: (input) => createToken(deps, input),
    } satisfies Operation<NewToken, CreatedToken>,

    createBootstrapToken: {
      operationId: 'create_bootstrap_token',
      needs: { resources: [], action: 'write', open: true },
      run: () => createBootstrapToken(deps),
    } satisfies Operation<void, CreatedToken>,

    whoami: {
      operationId: 'whoami',
      needs: READ,
      run: async (_input, { caller }) => (await needRecord(state, keys.token(caller.tokenId), tokenRecord)).value,
    } satisfies Operation<void, Token>,

    getToken: {
      operationId: 'get_token_by_id',
      needs: READ,
      run: async ({ tokenId }) => (await needRecord(state, keyOf(tokenId), tokenRecord)).value,
    } satisfies Operation<TokenPlace, Token>,

    updateToken: {
      operationId: 'update_token',
      needs: ofAdmins('write'),
      run: (input, context) => updateToken(deps, input, context).finally(() => deps.directory?.forget()),
    } satisfies Operation<TokenChange, void>,

    deleteToken: {
      operationId: 'delete_token',
      needs: ofAdmins('delete'),
      run: (input) => deleteToken(deps, input).finally(() => deps.directory?.forget()),
    } satisfies Operation<TokenPlace, void>,
  };
}

/** UUIDs are shorter; what is longer cannot be one of ours, and never becomes a key of the store. */
const TOKEN_ID_LENGTH_MAX = 64;

function keyOf(tokenId: string): string {
  if (tokenId.length > TOKEN_ID_LENGTH_MAX) throw notFound();
  return keys.token(tokenId);
}

async function createToken({ state, now, newId }: ApiDeps, input: NewToken): Promise<CreatedToken> {
  checkNewToken(input);
  const made = makeToken(input, { created: now(), tokenId: newId() });
  const { succeeded } = await state.commit({
    compares: [{ target: 'create', key: keys.token(made.token.tokenId), equals: 0 }],
    writes: made.writes,
  });
  if (!succeeded) throw contended();
  return made;
}

/** Once in the life of an installation, whichever node is asked and however often (spec 1.7). */
async function createBootstrapToken({ state, now, newId }: ApiDeps): Promise<CreatedToken> {
  return retried(async () => {
    const found = await findRecord(state, keys.preferences(), preferencesRecord);
    const preferences = found?.value ?? NO_PREFERENCES;
    if (preferences.bootstrapTokenCreated) {
      throw new AppError('conflict', 'The bootstrap token was created before; it is made once only.');
    }
    const made = makeToken(FIRST_TOKEN, { created: now(), tokenId: newId() });
    const value = preferencesRecord.encode({ ...preferences, bootstrapTokenCreated: true });
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: keys.preferences(), equals: found?.kv.modRevision ?? 0 }],
      writes: [{ op: 'put', key: keys.preferences(), value }, ...made.writes],
    });
    return succeeded ? made : null;
  });
}

function checkNewToken({ user, roles, metadata, expires }: NewToken): void {
  const problem = (field: string, text: string) => new AppError('invalid', `${field}: ${text}.`);
  if (Buffer.byteLength(user) > limits.NAME_BYTES_MAX) {
    throw problem('user', `expected at most ${limits.NAME_BYTES_MAX} bytes`);
  }
  if (roles.length > limits.TOKEN_ROLES_MAX) throw problem('roles', `expected at most ${limits.TOKEN_ROLES_MAX}`);
  for (const [index, role] of roles.entries()) {
    if (role.toLowerCase() === BOOTSTRAP_ROLE) {
      throw new AppError('denied', 'Role bootstrap belongs to the bootstrap token alone: give role admin instead.');
    }
    if (Buffer.byteLength(role) > limits.NAME_BYTES_MAX) {
      throw problem(`roles[${index}]`, `expected at most ${limits.NAME_BYTES_MAX} bytes`);
    }
  }
  if (Object.keys(metadata).length > limits.TOKEN_METADATA_MAX) {
    throw problem('metadata', `expected at most ${limits.TOKEN_METADATA_MAX} entries`);
  }
  if (Buffer.byteLength(JSON.stringify(metadata)) > limits.TOKEN_METADATA_BYTES_MAX) {
    throw problem('metadata', `expected at most ${limits.TOKEN_METADATA_BYTES_MAX} bytes`);
  }
  if (expires > limits.TIMEOUT_MAX_S) {
    throw problem('expires', `expected at most ${limits.TIMEOUT_MAX_S} seconds, or 0 for a token that does not expire`);
  }
}

interface Birth {
  readonly tokenId: string;
  readonly created: number;
}

function makeToken({ user, roles, metadata, expires }: NewToken, { tokenId, created }: Birth) {
  const secret = newTokenSecret();
  const token: Token = {
    ...{ tokenId, hash: hashOfSecret(secret), user, roles, metadata, created },
    expires: expires === 0 ? 0 : created + expires * 1_000,
    disabled: false,
  };
  const writes: readonly Write[] = [
    { op: 'put', key: keys.token(tokenId), value: tokenRecord.encode(token) },
    { op: 'put', key: keys.tokenName(token.hash), value: tokenNameRecord.encode({ tokenId }) },
  ];
  return { token, secret, writes };
}

async function updateToken(
  { state }: ApiDeps,
  { tokenId, disabled }: TokenChange,
  { caller }: RequestContext,
): Promise<void> {
  if (disabled === null) throw new AppError('invalid', 'Nothing to change: give disabled.');
  if (tokenId === caller.tokenId) {
    throw new AppError('conflict', 'A token cannot change its own state: use another one.');
  }
  await retried(async () => {
    const { value, kv } = await needRecord(state, keyOf(tokenId), tokenRecord);
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [{ op: 'put', key: kv.key, value: tokenRecord.encode({ ...value, disabled }) }],
    });
    return succeeded ? true : null;
  });
}

async function deleteToken({ state }: ApiDeps, { tokenId }: TokenPlace): Promise<void> {
  await retried(async () => {
    const { value, kv } = await needRecord(state, keyOf(tokenId), tokenRecord);
    const { succeeded } = await state.commit({
      compares: [{ target: 'mod', key: kv.key, equals: kv.modRevision }],
      writes: [
        { op: 'delete', key: kv.key },
        { op: 'delete', key: keys.tokenName(value.hash) },
      ],
    });
    return succeeded ? true : null;
  });
}
