// What else the tests need besides Docker: etcd, whose members they start on loopback themselves, and strace, which makes system calls
// fail. On Debian as root the packages are installed, elsewhere it is said what to do.

import { installPackages } from './install-packages.mjs';

try {
  const installed = installPackages(['etcd-server', 'strace'], {
    why: 'etcd or strace is not installed',
    files: ['/usr/bin/etcd', '/usr/bin/strace'],
    elsewhere: 'install etcd 3.4 or newer as /usr/bin/etcd (https://etcd.io/docs/latest/install), and strace on Linux',
  });
  console.log(`Tools for tests: ${installed ? 'installed etcd-server and strace' : 'used what is installed'}.`);
} catch (error) {
  console.error(`Tools for tests: ${error.hint ?? error.stack}`);
  process.exitCode = 1;
}
