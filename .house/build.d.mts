import type { BuildOptions, BuildResult } from 'esbuild';

/** The executable's files, bundled and not yet written. `changes`: such as other sources, for a test. */
export function bundleApp(changes?: BuildOptions): Promise<BuildResult<{ write: false }>>;
