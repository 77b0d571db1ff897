// Wall clocks of the nodes that can be moved while they run: libfaketime reads the offset from a file. The monotonic clock stays true,
// as it does on a machine whose clock is set. etcd is left alone: Go programs read the clock past the C library.

import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Where Debian puts it, on both of the common machines. */
const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`,
);

export function faketimeLibrary(): string | null {
  return LIBRARIES.find((file) => existsSync(file)) ?? null;
}

/** Variables for a node whose clock is to be moved; throws when libfaketime is missing. */
export function clockEnvironment(directory: string, node: string): Readonly<Record<string, string>> {
  const library = faketimeLibrary();
  if (library === null) throw new Error('Clock faults need libfaketime: apt-get install libfaketime');
  if (!existsSync(clockFile(directory, node))) setClock(directory, node, 0);
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clockFile(directory, node),
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    // The file is read again once a second: at each look at the clock would cost the node most of its speed.
    FAKETIME_CACHE_DURATION: '1',
  };
}

export function setClock(directory: string, node: string, offsetSeconds: number): void {
  const sign = offsetSeconds < 0 ? '-' : '+';
  writeFileSync(clockFile(directory, node), `${sign}${Math.abs(offsetSeconds)}\n`);
}

function clockFile(directory: string, node: string): string {
  return path.join(directory, `clock-${node}`);
}
