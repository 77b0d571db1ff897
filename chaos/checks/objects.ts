// OBJECT: what was acknowledged as uploaded is there, on all nodes, byte for byte.

import { outcomeOf } from './evidence.ts';
import type { Check, Evidence, PutCall, Violation } from './evidence.ts';
import { groupBy } from './run-places.ts';

export const OBJECT: Check = {
  id: 'OBJECT',
  promise:
    'An acknowledged upload is read back whole, through every node; one without an answer is there whole or not at all.',
  judge: (evidence) => {
    const puts = new Map(evidence.operations.flatMap((call) => (call.op === 'put' ? [[call.key, call]] : [])));
    const finals = groupBy(evidence.objects, ({ key }) => key);
    const atEnd = [...puts].flatMap(([key, put]) => judgeEnd(put, finals.get(key) ?? []));
    return [...atEnd, ...duringRun(evidence, puts)];
  },
};

function judgeEnd(put: PutCall, finals: Evidence['objects']): readonly Violation[] {
  const outcome = outcomeOf(put);
  const violation = (what: string) => ({ check: 'OBJECT', subject: put.key, what, at: put.call });
  if (outcome === 'ok' && finals.length === 0) return [violation('was acknowledged and not looked for at the end')];
  return finals.flatMap(({ node, sha256 }) => {
    if (sha256 === put.in.sha256) return outcome === 'refused' ? [violation(`was refused, and ${node} has it`)] : [];
    if (sha256 === null) return outcome === 'ok' ? [violation(`was acknowledged and is missing on ${node}`)] : [];
    return [violation(`has other bytes on ${node}`)];
  });
}

function duringRun({ operations }: Evidence, puts: ReadonlyMap<string, PutCall>): readonly Violation[] {
  return operations.flatMap((read) => {
    const put = puts.get(read.key);
    if (read.op !== 'read' || put === undefined || read.ret === undefined) return [];
    const violation = (what: string) => [{ check: 'OBJECT', subject: read.key, what, at: read.call }];
    if (read.out !== undefined) {
      return read.out.sha256 === put.in.sha256 ? [] : violation('was read with other bytes');
    }
    const isThere = outcomeOf(put) === 'ok' && (put.ret ?? Infinity) < read.call;
    return isThere && read.err === 'not found' ? violation('was acknowledged before, and not found') : [];
  });
}
