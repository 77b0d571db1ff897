// Real packets lost by the kernel: a table of nftables of our own, which touches the ports of our own links and nothing else of the
// machine's rules, and is deleted as a whole.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Session } from '../session/session.ts';
import type { Fault } from './fault.ts';
import { parseDropped } from './parse-nft.ts';

const NFT = '/usr/sbin/nft';
const LOSS_PERCENT = 20;
const HOLD_MS = 4_000;
/** One chaos process has one. */
const TABLE = `gofer_chaos_${process.pid}`;

export const PACKET_LOSS: Fault = {
  name: 'packet-loss',
  what: `${LOSS_PERCENT} % of all packets between the leader and etcd are lost (nftables)`,
  groups: ['lossy'],
  reign: 'either',
  holdMs: HOLD_MS,
  missing: () => {
    if (!existsSync(NFT)) return 'needs nftables: apt-get install nftables';
    return process.getuid?.() === 0 ? null : 'needs root';
  },
  begin: async ({ cluster, links }: Session) => {
    const leader = await cluster.leader();
    const ports = links.ports({ kind: 'node-etcd', from: leader.name }).join(', ');
    const drop = `numgen random mod 100 < ${LOSS_PERCENT} counter drop`;
    const at = performance.now();
    nft(`add table ip ${TABLE}
add chain ip ${TABLE} out { type filter hook output priority 0 ; }
add rule ip ${TABLE} out tcp dport { ${ports} } ${drop}
add rule ip ${TABLE} out tcp sport { ${ports} } ${drop}
`);
    return {
      target: leader.name,
      at,
      proof: async () => {
        const dropped = parseDropped(nft(`list table ip ${TABLE}\n`));
        return dropped > 0 ? `${dropped} packets lost` : null;
      },
      heal: async () => void nft(`delete table ip ${TABLE}\n`),
    };
  },
};

/** What it prints; throws with its words when it refuses. */
function nft(commands: string): string {
  const { status, stdout, stderr } = spawnSync(NFT, ['-f', '-'], { input: commands, encoding: 'utf8' });
  if (status !== 0) throw new Error(`nft: ${stderr.trim()}`);
  return stdout;
}
