// Certificates of the node-to-node connections: read, checked, and read again while the node runs. A renewed pair counts only once
// its files fit together; until then the old one goes on.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { experimental } from '@grpc/grpc-js';
import { AppError, errorText } from '../../store/model/errors.ts';
import type { PeersLog, PeerTlsFiles } from './options.ts';

export interface Certificates {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface WatchedCertificates {
  current(): Certificates;
  /** In the form in which gRPC's server takes certificates that change. */
  readonly provider: experimental.CertificateProvider;
  close(): void;
}

interface WatchParts {
  readonly files: PeerTlsFiles;
  readonly everyMs: number;
  readonly log: PeersLog;
}

/** Throws 'invalid' that names the setting when the files are not usable. */
export function watchCertificates({ files, everyMs, log }: WatchParts): WatchedCertificates {
  let current = readCertificates(files);
  let told = '';
  const onCa = new Set<experimental.CaCertificateUpdateListener>();
  const onIdentity = new Set<experimental.IdentityCertificateUpdateListener>();

  // gRPC's server looks at what it is told only once it has registered both: hence later, in `provider`, and not at once.
  function tell(): void {
    for (const listener of onCa) listener({ caCertificate: current.ca });
    for (const listener of onIdentity) listener({ certificate: current.cert, privateKey: current.key });
  }

  function look(): void {
    try {
      const next = readCertificates(files);
      told = '';
      if (next.ca.equals(current.ca) && next.cert.equals(current.cert) && next.key.equals(current.key)) return;
      current = next;
      log.info({ until: new X509Certificate(next.cert).validTo }, 'peers: certificates renewed');
      tell();
    } catch (error) {
      const text = errorText(error);
      if (text !== told) log.warn({ why: text }, 'peers: certificates not renewed, the old ones are used');
      told = text;
    }
  }

  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    current: () => current,
    provider: {
      addCaCertificateListener: (listener) => {
        onCa.add(listener);
        process.nextTick(tell);
      },
      removeCaCertificateListener: (listener) => onCa.delete(listener),
      addIdentityCertificateListener: (listener) => {
        onIdentity.add(listener);
        process.nextTick(tell);
      },
      removeIdentityCertificateListener: (listener) => onIdentity.delete(listener),
    },
    close: () => clearInterval(timer),
  };
}

function readCertificates({ caPath, certPath, keyPath }: PeerTlsFiles): Certificates {
  const authorities = readPem('cluster.tls_ca_path', caPath, allCertificates);
  const chain = readPem('cluster.tls_cert_path', certPath, allCertificates);
  const key = readPem('cluster.tls_key_path', keyPath, (text) => createPrivateKey(text));
  const [leaf, ...between] = chain.parsed;
  if (leaf?.checkPrivateKey(key.parsed) !== true) {
    throw new AppError('invalid', 'cluster.tls_key_path: this key does not belong to cluster.tls_cert_path.');
  }
  if (!isSignedBy(leaf, between, authorities.parsed)) {
    throw new AppError('invalid', 'cluster.tls_cert_path: not signed by an authority of cluster.tls_ca_path.');
  }
  if (Date.parse(leaf.validTo) <= Date.now()) {
    throw new AppError('invalid', `cluster.tls_cert_path: valid until ${leaf.validTo} only: renew it.`);
  }
  return { ca: authorities.bytes, cert: chain.bytes, key: key.bytes };
}

function readPem<T>(setting: string, file: string, parse: (text: string) => T): { bytes: Buffer; parsed: T } {
  if (file === '') throw new AppError('invalid', `${setting}: the name of a PEM file is needed beside the others.`);
  try {
    const bytes = readFileSync(file);
    return { bytes, parsed: parse(bytes.toString('latin1')) };
  } catch (error) {
    throw new AppError('invalid', `${setting}: ${file} is not usable: ${errorText(error)}`);
  }
}

/** A bundle holds several: an authority and its follower, or a certificate and those between it and the authority. */
function allCertificates(text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in it');
  return blocks.map((block) => new X509Certificate(block));
}

/** Each certificate between is used at most once, so this ends. */
function isSignedBy(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  const signs = (issuer: X509Certificate) => leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
  if (authorities.some(signs)) return true;
  return between.some((issuer) => {
    const others = between.filter((other) => other !== issuer);
    return signs(issuer) && isSignedBy(issuer, others, authorities);
  });
}
