// How requests are checked: by tokens, or not at all in bypass mode.

import { createBypass, createTokenCheck } from '../../api/auth/authenticate.ts';
import type { Authenticate } from '../../api/auth/authenticate.ts';
import { createDirectory } from '../../api/auth/directory.ts';
import type { Directory } from '../../api/auth/directory.ts';
import type { StateStore } from '../../store/state/port.ts';
import type { ServerConfig } from './config-keys.ts';
import type { Opened } from './opened.ts';

export interface Callers {
  readonly authenticate: Authenticate;
  /** Empty in bypass mode. */
  readonly parts: { readonly directory?: Directory };
}

export interface CallersOptions {
  readonly config: ServerConfig;
  readonly state: StateStore;
  readonly now: () => number;
  readonly opened: Opened;
}

export function openCallers({ config, state, now, opened }: CallersOptions): Callers {
  if (config['development.bypass_auth']) return { authenticate: createBypass(), parts: {} };
  const ended = new AbortController();
  opened.use(async () => ended.abort());
  const directory = createDirectory({ state, signal: ended.signal });
  return { authenticate: createTokenCheck({ directory, now }), parts: { directory } };
}
