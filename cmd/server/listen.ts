// Where the API listens, and what to do when it cannot.

import { Server as TlsServer } from 'node:tls';
import type { createRestServer } from '../../api/rest/server.ts';
import { AppError } from '../../store/model/errors.ts';
import type { ServerConfig } from './config-keys.ts';
import type { BindAddress } from './config.ts';

/** Without tokens everybody who reaches the port is the administrator: only this machine may, and whoever shows a certificate. */
export function refuseOpenBypass(config: ServerConfig, address: BindAddress): void {
  if (!config['development.bypass_auth']) return;
  const asksForCertificate = config['server.use_tls'] && config['server.tls_client_ca_path'] !== '';
  if (address.loopback || asksForCertificate) return;
  throw new AppError(
    'invalid',
    `server.bind_address: ${config['server.bind_address']} is not a loopback address, and no tokens are asked for ` +
      '(development.bypass_auth). Set that to false, use 127.0.0.1 or [::1], or TLS with server.tls_client_ca_path.',
  );
}

/** The address as a URL. Throws 'conflict' or 'invalid' that says what to do. */
export async function listen(app: ReturnType<typeof createRestServer>, { host, port }: BindAddress): Promise<string> {
  try {
    const listening = new URL(await app.listen({ host, port }));
    const scheme = app.server instanceof TlsServer ? 'https' : 'http';
    return `${scheme}://${listening.host.replace('[::1]', 'localhost')}`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new AppError(
        'conflict',
        `Port ${port} on ${host} is in use: stop what listens there, or choose another with GOFER_WEB_SERVER__BIND_ADDRESS=${host}:PORT.`,
      );
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new AppError('invalid', `server.bind_address: cannot listen on ${host}:${port} (${String(code)}).`);
    }
    throw error;
  }
}
