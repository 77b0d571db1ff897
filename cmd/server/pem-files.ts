// PEM files that settings name. A file that cannot be used is told with the setting that names it.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError, errorText } from '../../store/model/errors.ts';
import type { ServerConfig } from './config-keys.ts';

export type PemSetting = Extract<keyof ServerConfig, `${string}_path`>;

/** Chain and private key, which belong together. Throws 'invalid' that names the setting. */
export function readKeyPair(
  config: ServerConfig,
  settings: { readonly cert: PemSetting; readonly key: PemSetting },
): { readonly cert: string; readonly key: string } {
  const cert = readPem(config, settings.cert, (text) => new X509Certificate(text));
  const key = readPem(config, settings.key, createPrivateKey);
  if (!cert.parsed.checkPrivateKey(key.parsed)) {
    throw new AppError('invalid', `${settings.key}: this key does not belong to the certificate of ${settings.cert}.`);
  }
  return { cert: cert.text, key: key.text };
}

/** Certificates of an authority. Throws 'invalid' that names the setting. */
export function readAuthority(config: ServerConfig, setting: PemSetting): string {
  return readPem(config, setting, (text) => new X509Certificate(text)).text;
}

function readPem<T>(
  config: ServerConfig,
  setting: PemSetting,
  parse: (text: string) => T,
): { readonly text: string; readonly parsed: T } {
  const file = config[setting];
  if (file === '') throw new AppError('invalid', `${setting}: TLS wants the name of a PEM file here.`);
  try {
    const text = readFileSync(file, 'utf8');
    return { text, parsed: parse(text) };
  } catch (error) {
    throw new AppError('invalid', `${setting}: ${file} is not usable: ${errorText(error)}`);
  }
}
