// The size at which a member turns read-only. Its gRPC interface does not tell it before etcd 3.6, its page of metrics does.

import { request as plain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as encrypted } from 'node:https';
import type { EtcdTls } from './etcd-connection.ts';

const PAGE_MS = 2_000;
/** The page of a busy member has about 150 KB. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
const QUOTA = /^etcd_server_quota_backend_bytes ([\d.e+]+)$/m;

/** In bytes; 0 when it does not tell. */
export async function readQuota(endpoint: string, tls: EtcdTls | undefined): Promise<number> {
  const url = new URL('/metrics', endpoint);
  const signal = AbortSignal.timeout(PAGE_MS);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked =
      url.protocol === 'https:'
        ? encrypted(url, { ...tls, agent: false, signal }, resolve)
        : plain(url, { agent: false, signal }, resolve);
    asked.on('error', reject);
    asked.end();
  });
  let page = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    page += String(chunk);
    if (page.length > PAGE_BYTES_MAX) return 0;
  }
  return Number(QUOTA.exec(page)?.[1] ?? 0);
}
