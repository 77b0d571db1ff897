// Debian packages for the tests: installed by root on Debian, named to everybody else. No installed npm package is needed.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * Installs the packages when one of the files is missing, and says whether it did. Throws an error whose `hint` says what to do where
 * that cannot be done here.
 * @param {readonly string[]} packages
 * @param {{ why: string, files: readonly string[], elsewhere: string }} options `elsewhere`: what to do on other systems
 */
export function installPackages(packages, { why, files, elsewhere }) {
  if (files.every((file) => existsSync(file))) return false;
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const isDebian = existsSync('/etc/debian_version');
  if (!isDebian || process.getuid?.() !== 0) {
    throw hint(`${why}. Run: ${isDebian ? `sudo sh -c 'apt-get update && ${command}'` : elsewhere}.`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    spawnSync('sh', ['-c', command], { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (install().status === 0) return true;
  // The lists may be absent or too old for what the mirror holds.
  spawnSync('apt-get', ['update'], { env, stdio: 'ignore' });
  const second = install();
  if (second.status !== 0) throw hint(`${why}, and this failed: ${command}\n${second.stderr}`);
  return true;
}

/** An error that is told to the user by its message alone. */
export function hint(message) {
  return Object.assign(new Error(message), { hint: message });
}
