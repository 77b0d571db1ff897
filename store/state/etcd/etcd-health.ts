// Looks at every member of etcd now and then: who answers, who leads, how full it is, which alarms are on. What is found out by calls on
// their way (`EtcdCondition`) comes on top. Nothing here decides for a call; it is for operators, readiness and metrics.

import type { IStatusResponse } from 'etcd3';
import { statusOf } from '../health.ts';
import type { StoreHealth, StoreMember, StoreProblem } from '../health.ts';
import type { EtcdCondition } from './etcd-condition.ts';
import type { EtcdTls } from './etcd-connection.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';
import { isDenied } from './etcd-errors.ts';
import type { EtcdMember } from './etcd-member.ts';
import { problemsOf } from './etcd-problems.ts';
import { readQuota } from './etcd-quota.ts';
import { explainFault } from './explain-fault.ts';

export interface EtcdHealthDeps {
  readonly endpoints: EtcdEndpoints;
  readonly condition: EtcdCondition;
  readonly tls: EtcdTls | undefined;
  /** Told whenever another set of problems is found. */
  readonly onHealth?: (health: StoreHealth) => void;
}

/** A status costs etcd nothing: it does not go through its log. */
const LOOK_MS = 5_000;
/** While something is wrong, so that its end is seen soon. */
const LOOK_AGAIN_MS = 1_000;
/** The quota changes only with a restart of etcd, and the page that tells it is long. */
const QUOTA_MS = 10 * 60_000;

export class EtcdHealth {
  readonly #deps: EtcdHealthDeps;
  readonly #quotas = new Map<string, { readonly bytes: number; readonly at: number }>();
  #members: readonly StoreMember[] = [];
  #denied: string | null = null;
  #hasLooked = false;
  #told = '';
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(deps: EtcdHealthDeps) {
    this.#deps = deps;
  }

  /** Begins to look; may be called again and again. */
  start(): void {
    if (this.#timer !== null || this.#isStopped) return;
    this.#wait(0);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  read(): StoreHealth {
    const { condition } = this.#deps;
    const problems = this.#hasLooked ? this.#problems() : [NOT_KNOWN_YET];
    return {
      status: statusOf(problems),
      problems,
      members: this.#members,
      writeMs: condition.writeMs(),
      revision: condition.revision,
    };
  }

  /** Looks at all members now. */
  async look(): Promise<StoreHealth> {
    const { endpoints, condition } = this.#deps;
    this.#denied = null;
    this.#members = await Promise.all(endpoints.members.map((member) => this.#lookAt(member)));
    this.#hasLooked = true;
    const reachable = this.#members.filter(({ isReachable }) => isReachable);
    if (reachable.length > 0) condition.isFull = reachable.some(({ alarms }) => alarms.includes('NOSPACE'));
    const health = this.read();
    this.#tell(health);
    return health;
  }

  async #round(): Promise<void> {
    const { status } = await this.look();
    if (this.#isStopped) return;
    this.#wait(status === 'ok' ? LOOK_MS : LOOK_AGAIN_MS);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      // A look never throws.
      this.#round().catch(() => undefined);
    }, ms);
    this.#timer.unref();
  }

  #problems(): readonly StoreProblem[] {
    const { condition, endpoints } = this.#deps;
    return problemsOf({
      members: this.#members,
      foreign: endpoints.members.filter(({ isForeign }) => isForeign).map(({ endpoint }) => endpoint),
      denied: this.#denied,
      lost: condition.lost?.detail ?? null,
      isFull: condition.isFull,
      writeMs: condition.writeMs(),
    });
  }

  #tell(health: StoreHealth): void {
    const told = health.problems.map(({ code, endpoint }) => `${code} ${endpoint}`).join();
    if (told === this.#told || this.#isStopped) return;
    this.#told = told;
    this.#deps.onHealth?.(health);
  }

  async #lookAt(member: EtcdMember): Promise<StoreMember> {
    const start = performance.now();
    try {
      const status = await member.ask((client, call) => client.maintenance.status(call));
      const answerMs = performance.now() - start;
      const found = memberOf(member.endpoint, status);
      member.isLeader = found.isLeader;
      return { ...found, answerMs, quotaBytes: await this.#quotaOf(member.endpoint) };
    } catch (error) {
      member.isLeader = false;
      if (isDenied(error)) this.#denied ??= `${member.endpoint}: ${explainFault(error)}.`;
      return { ...UNKNOWN, endpoint: member.endpoint, error: explainFault(error), answerMs: performance.now() - start };
    }
  }

  async #quotaOf(endpoint: string): Promise<number> {
    const known = this.#quotas.get(endpoint);
    if (known !== undefined && performance.now() - known.at < QUOTA_MS) return known.bytes;
    const bytes = await readQuota(endpoint, this.#deps.tls).catch(() => 0);
    this.#quotas.set(endpoint, { bytes, at: performance.now() });
    return bytes;
  }
}

const NOT_KNOWN_YET: StoreProblem = { code: 'not_known_yet', message: 'etcd was not looked at yet.', endpoint: '' };

/** A member that did not answer. */
const UNKNOWN: Omit<StoreMember, 'endpoint' | 'error' | 'answerMs'> = {
  isReachable: false,
  isLeader: false,
  hasLeader: false,
  id: '',
  clusterId: '',
  version: '',
  dbBytes: 0,
  dbBytesInUse: 0,
  quotaBytes: 0,
  alarms: [],
};

function memberOf(endpoint: string, status: IStatusResponse): Omit<StoreMember, 'quotaBytes' | 'answerMs'> {
  const { header, leader, errors } = status;
  return {
    endpoint,
    error: '',
    isReachable: true,
    isLeader: leader === header.member_id,
    hasLeader: leader !== '0' && !errors.some((text) => text.includes('no leader')),
    id: hexadecimal(header.member_id),
    clusterId: hexadecimal(header.cluster_id),
    version: status.version,
    dbBytes: Number(status.dbSize),
    dbBytesInUse: Number(status.dbSizeInUse),
    alarms: errors.flatMap((text) => /alarm:(\w+)/.exec(text)?.[1] ?? []),
  };
}

/** As etcd's own tools print it. */
function hexadecimal(id: string): string {
  return BigInt(id).toString(16);
}
