import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AttemptSpec } from '../../../../../scheduler/engines/port.ts';
import { launchText, whyRefused } from '../../../../../scheduler/engines/process/launch-text.ts';
import { shellQuote } from '../../../../../scheduler/engines/process/supervisor-script.ts';
import { aSpec, freshId } from '../../../../conformance/engine-world.ts';

function aCommand(command: readonly string[], env: Readonly<Record<string, string>> = {}): AttemptSpec {
  return aSpec(freshId(), { image: '', entrypoint: null, command }, env);
}

test('quoting: any text without NUL is one word for the shell, unchanged', () => {
  const text = fc.string({ unit: 'binary' }).map((any) => Buffer.from(any.replaceAll('\0', '')).toString());
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20 }), (words) => {
      const script = `printf '%s\\0' x ${words.map(shellQuote).join(' ')}`;
      const out = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
      expect(out.split('\0').slice(0, -1)).toEqual(['x', ...words]);
    }),
    { numRuns: 25 },
  );
});

test('a launch that is cut off anywhere starts nothing', () => {
  const text = launchText(aCommand(['touch', "it's a\nfile"], { A: `x'y"` }), {
    PATH: '/bin',
  });
  const cuts = Array.from({ length: 40 }, (_, n) => Math.floor((n / 40) * (text.length - 3)));
  for (const cut of cuts) {
    const { stdout } = spawnSync('/bin/sh', [], {
      input: `supervise() { echo started; }\n${text.slice(0, cut)}`,
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
  }
  const { stdout } = spawnSync('/bin/sh', [], {
    input: `supervise() { echo started; }\n${text}wait\n`,
    encoding: 'utf8',
  });
  expect(stdout).toBe('started\n');
});

test.each([
  { name: 'no command', spec: aCommand([]), wanted: /neither entrypoint nor command/ },
  { name: 'an empty command', spec: aCommand(['']), wanted: /empty/ },
  { name: 'NUL in an argument', spec: aCommand(['a', 'b\0c']), wanted: /NUL/ },
  { name: 'NUL in a variable', spec: aCommand(['a'], { KEY: 'sec\0ret' }), wanted: /KEY holds a NUL/ },
  { name: 'a name no shell can pass on', spec: aCommand(['a'], { 'my-key': 'secret' }), wanted: /"my-key"/ },
])('refused: $name', ({ spec, wanted }) => {
  expect(whyRefused(spec)).toMatch(wanted);
  expect(whyRefused(spec)).not.toContain('secret');
});
