// The server's own certificate.

import type { ServerCertificate } from '../../api/rest/server.ts';
import type { ServerConfig } from './config-keys.ts';
import { readAuthority, readKeyPair } from './pem-files.ts';

/** Undefined without TLS. Throws 'invalid' that names the setting when a file cannot be read, or the two do not belong together. */
export function readCertificate(config: ServerConfig): ServerCertificate | undefined {
  if (!config['server.use_tls']) return undefined;
  const pair = readKeyPair(config, { cert: 'server.tls_cert_path', key: 'server.tls_key_path' });
  if (config['server.tls_client_ca_path'] === '') return pair;
  return { ...pair, clientCa: readAuthority(config, 'server.tls_client_ca_path') };
}
