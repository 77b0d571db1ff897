// The server's own certificate.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerCertificate } from '../../api/rest/server.ts';
import { AppError, errorText } from '../../store/model/errors.ts';
import type { ServerConfig } from './config-keys.ts';

/** Undefined without TLS. Throws 'invalid' that names the setting when a file cannot be read, or the two do not belong together. */
export function readCertificate(config: ServerConfig): ServerCertificate | undefined {
  if (!config['server.use_tls']) return undefined;
  const cert = readPem(config, 'server.tls_cert_path', (text) => new X509Certificate(text));
  const key = readPem(config, 'server.tls_key_path', createPrivateKey);
  if (!cert.parsed.checkPrivateKey(key.parsed)) {
    throw new AppError(
      'invalid',
      'server.tls_key_path: this key does not belong to the certificate of server.tls_cert_path.',
    );
  }
  return { cert: cert.text, key: key.text };
}

function readPem<T>(
  config: ServerConfig,
  setting: 'server.tls_cert_path' | 'server.tls_key_path',
  parse: (text: string) => T,
): { readonly text: string; readonly parsed: T } {
  const file = config[setting];
  if (file === '') throw new AppError('invalid', `${setting}: server.use_tls wants the name of a PEM file here.`);
  try {
    const text = readFileSync(file, 'utf8');
    return { text, parsed: parse(text) };
  } catch (error) {
    throw new AppError('invalid', `${setting}: ${file} is not usable: ${errorText(error)}`);
  }
}
