// What else the tests, the chaos suite and `npm run cluster` need besides Docker, from Debian's packages. As root on Debian they are
// installed, elsewhere it is said what to do. `node test/ensure-tools.mjs etcd haproxy` asks for some of them only.

import { existsSync } from 'node:fs';
import { installPackages } from './install-packages.mjs';

/** What each is for, which file shows that it is there, and which Debian package brings it. */
const TOOLS = {
  etcd: { packageName: 'etcd-server', files: ['/usr/bin/etcd'], what: 'etcd 3.4 or newer as "etcd"' },
  etcdctl: { packageName: 'etcd-client', files: ['/usr/bin/etcdctl'], what: 'its client "etcdctl"' },
  haproxy: { packageName: 'haproxy', files: ['/usr/sbin/haproxy'], what: 'HAProxy 2.4 or newer as "haproxy"' },
  openssl: { packageName: 'openssl', files: ['/usr/bin/openssl'], what: 'openssl' },
  // Makes system calls fail and disks slow.
  strace: { packageName: 'strace', files: ['/usr/bin/strace'], what: 'strace (Linux)' },
  // Sets the clocks of single processes.
  faketime: { packageName: 'faketime', files: ['/usr/bin/faketime'], what: 'libfaketime (Linux)' },
  // Cut links between processes.
  ip: { packageName: 'iproute2', files: ['/bin/ip', '/sbin/ip', '/usr/sbin/ip'], what: 'iproute2 (Linux)' },
  nft: { packageName: 'nftables', files: ['/usr/sbin/nft'], what: 'nftables (Linux)' },
};

const asked = process.argv.slice(2);
const missing = (asked.length > 0 ? asked : Object.keys(TOOLS))
  .map((name) => TOOLS[name])
  .filter(({ files }) => !files.some((file) => existsSync(file)));

try {
  if (missing.length > 0) {
    const names = missing.map(({ packageName }) => packageName);
    installPackages(names, {
      why: `${names.join(', ')}: not installed`,
      files: missing.map(({ files }) => files[0]),
      elsewhere: `install ${missing.map(({ what }) => what).join(', ')} (in the search path)`,
    });
    console.log(`Tools for tests: installed ${names.join(', ')}.`);
  } else if (asked.length === 0) console.log('Tools for tests: used what is installed.');
} catch (error) {
  console.error(`Tools for tests: ${error.hint ?? error.stack}`);
  process.exitCode = 1;
}
