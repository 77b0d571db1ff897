// The root file system of the test image as a tar archive: one static busybox, a link for each of its commands, /tmp and users.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const BLOCK = 512;
const FOLDERS = ['bin/', 'etc/', 'root/', 'tmp/', 'var/', 'var/tmp/'];
const SHARED = new Set(['tmp/', 'var/tmp/']);

/** @param {string} busybox path of a statically linked busybox @returns {Buffer} */
export function busyboxImage(busybox) {
  const listed = spawnSync(busybox, ['--list'], { encoding: 'utf8' });
  const commands = (listed.stdout ?? '')
    .split('\n')
    .filter((name) => /^[a-z0-9[_.-]+$/.test(name) && name !== 'busybox');
  if (!commands.includes('sh')) throw new Error(`${busybox} is not a busybox with a shell`);
  return Buffer.concat([
    ...FOLDERS.map((name) => header({ name, type: '5', mode: SHARED.has(name) ? 0o1777 : 0o755 })),
    file('bin/busybox', readFileSync(busybox), 0o755),
    ...commands.map((name) => header({ name: `bin/${name}`, type: '1', mode: 0o755, target: 'bin/busybox' })),
    file('etc/passwd', Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n'), 0o644),
    file('etc/group', Buffer.from('root:x:0:\nnobody:x:65534:\n'), 0o644),
    Buffer.alloc(2 * BLOCK),
  ]);
}

function file(name, content, mode) {
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header({ name, type: '0', mode, size: content.length }), content, padding]);
}

/** One ustar header: fixed fields, numbers in octal text, a checksum over itself with its own field blank. */
function header({ name, type, mode, size = 0, target = '' }) {
  const block = Buffer.alloc(BLOCK);
  const octal = (number, digits) => `${number.toString(8).padStart(digits, '0')}\0`;
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write(target, 157);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
