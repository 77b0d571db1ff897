// What `setup.mjs` does on a Node that is new enough; also used by the other scripts here. No installed package needed.

import { ensureInstalled } from './install.mjs';
import { ROOT } from './root.mjs';

/**
 * Installs packages when they are absent or older than the lock file, then builds what is older than its sources.
 * @param {{ build: boolean, rebuild?: boolean }} options
 */
export async function makeReady({ build, rebuild = false }) {
  await ensureInstalled({ root: ROOT });
  if (!build) return;
  const { isBuilt } = await import('./build-stamp.mjs');
  const stale = { app: rebuild || !isBuilt(ROOT, 'app'), sdk: rebuild || !isBuilt(ROOT, 'sdk') };
  if (!stale.app && !stale.sdk) return;
  // Loaded only now: esbuild costs 30 ms that a start with nothing to do need not pay.
  const { buildStale } = await import('./build.mjs');
  await buildStale(stale);
}
