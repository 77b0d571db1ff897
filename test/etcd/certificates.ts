// An authority and certificates of a test's own, made by openssl: one for etcd on loopback, which shows it as its client as well.

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EtcdCertificates } from './etcd-cluster.ts';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** `names` as openssl writes them: `IP:127.0.0.1,DNS:localhost`. The authority's own files are `<name>-ca.*`. */
export async function makeCertificates(directory: string, name: string, names: string): Promise<EtcdCertificates> {
  const file = (end: string) => join(directory, `${name}-${end}`);
  const openssl = (...args: string[]) => run('openssl', args);
  const [caPath, certPath, keyPath] = [file('ca.pem'), file('cert.pem'), file('key.pem')];
  await openssl(
    'req',
    '-x509',
    ...KEY,
    '-keyout',
    file('ca-key.pem'),
    '-out',
    caPath,
    '-subj',
    `/CN=${name} authority`,
    '-days',
    '2',
  );
  await openssl('req', ...KEY, '-keyout', keyPath, '-out', file('request.pem'), '-subj', `/CN=${name}`);
  await writeFile(file('names'), `subjectAltName=${names}`);
  const authority = ['-CA', caPath, '-CAkey', file('ca-key.pem'), '-CAcreateserial'];
  await openssl(
    'x509',
    '-req',
    '-in',
    file('request.pem'),
    ...authority,
    '-out',
    certPath,
    '-days',
    '2',
    '-extfile',
    file('names'),
  );
  const [ca, cert, key] = await Promise.all([readFile(caPath), readFile(certPath), readFile(keyPath)]);
  return { caPath, certPath, keyPath, client: { ca, cert, key } };
}
