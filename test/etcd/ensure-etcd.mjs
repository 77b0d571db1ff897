// An etcd for the tests: on Debian as root its package is installed, elsewhere it is said what to do. The tests start members of their
// own, on loopback.

import { installPackages } from '../install-packages.mjs';

try {
  const installed = installPackages(['etcd-server'], {
    why: 'etcd is not installed',
    files: ['/usr/bin/etcd'],
    elsewhere: 'install etcd 3.4 or newer as /usr/bin/etcd (https://etcd.io/docs/latest/install)',
  });
  console.log(`etcd for tests: ${installed ? 'installed etcd-server' : 'used what is installed'}.`);
} catch (error) {
  console.error(`etcd for tests: ${error.hint ?? error.stack}`);
  process.exitCode = 1;
}
