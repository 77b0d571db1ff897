// What else the tests, the chaos suite and `npm run cluster` need besides Docker, from Debian's packages. As root on Debian they are
// installed, elsewhere it is said what to do. `node test/ensure-tools.mjs etcd haproxy` asks for some of them only.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { installPackages } from './install-packages.mjs';

/** By the name of the program: which Debian package brings it where, and what it is called elsewhere. */
const TOOLS = {
  etcd: { packageName: 'etcd-server', file: '/usr/bin/etcd', what: 'etcd 3.4 or newer' },
  etcdctl: { packageName: 'etcd-client', file: '/usr/bin/etcdctl', what: 'its client etcdctl' },
  haproxy: { packageName: 'haproxy', file: '/usr/sbin/haproxy', what: 'HAProxy 2.4 or newer' },
  openssl: { packageName: 'openssl', file: '/usr/bin/openssl', what: 'openssl' },
  // Makes system calls fail and disks slow.
  strace: { packageName: 'strace', file: '/usr/bin/strace', what: 'strace (Linux)' },
  // Sets the clocks of single processes.
  faketime: { packageName: 'faketime', file: '/usr/bin/faketime', what: 'libfaketime (Linux)' },
  // Cut links between processes.
  ip: { packageName: 'iproute2', file: '/usr/sbin/ip', what: 'iproute2 (Linux)' },
  nft: { packageName: 'nftables', file: '/usr/sbin/nft', what: 'nftables (Linux)' },
};

/** Not everybody's search path has the folders of the superuser's programs. */
const FOLDERS = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

const asked = process.argv.slice(2);
const missing = (asked.length > 0 ? asked : Object.keys(TOOLS))
  .filter((name) => !FOLDERS.some((folder) => existsSync(path.join(folder, name))))
  .map((name) => TOOLS[name]);

try {
  if (missing.length > 0) {
    const names = missing.map(({ packageName }) => packageName);
    installPackages(names, {
      why: `${names.join(', ')}: not installed`,
      files: missing.map(({ file }) => file),
      elsewhere: `install ${missing.map(({ what }) => what).join(', ')}, so that it is found by PATH`,
    });
    console.log(`Tools for tests: installed ${names.join(', ')}.`);
  } else if (asked.length === 0) console.log('Tools for tests: used what is installed.');
} catch (error) {
  console.error(`Tools for tests: ${error.hint ?? error.stack}`);
  process.exitCode = 1;
}
