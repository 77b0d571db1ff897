// The build after this one, as a test of upgrades needs it: this tree, and a few changes to its sources such as the author of a new
// record would make them. A real executable with everything in it.

import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PluginBuild } from 'esbuild';
import { bundleApp } from '../../.house/build.mjs';
import { ROOT } from './real-server.ts';

interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Runs get a priority, which builds of the first format know nothing of and refuse to read. */
const CHANGES: readonly SourceChange[] = [
  { file: 'cluster/format.ts', from: '{ min: 1, max: 1 }', to: '{ min: 1, max: 2 }' },
  {
    file: 'store/records/run-records.ts',
    from: "  kind: 'run',\n",
    to: `  kind: 'run',
  changes: [
    { format: 2, up: (older) => ({ ...older, priority: 1 }), down: ({ priority, ...older }) => older },
  ],
`,
  },
  {
    file: 'api/operations/run-starter.ts',
    from: "    state: 'pending',\n  };\n}\n",
    to: "    state: 'pending',\n    priority: 7,\n  };\n}\n",
  },
];

/** Resolves with the launcher; everything lies in `directory`. */
export async function buildNext(directory: string): Promise<string> {
  const { outputFiles = [] } = await bundleApp({ plugins: [{ name: 'next', setup: (build) => changeSources(build) }] });
  const dist = path.join(directory, 'dist');
  await mkdir(dist, { recursive: true });
  await mkdir(path.join(directory, 'cmd'));
  await Promise.all(
    outputFiles.map(({ path: file, contents }) => writeFile(path.join(dist, path.basename(file)), contents)),
  );
  await symlink(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  const launcher = path.join(directory, 'cmd', 'gofer.mjs');
  await copyFile(path.join(ROOT, 'cmd', 'gofer.mjs'), launcher);
  return launcher;
}

function changeSources(build: PluginBuild): void {
  for (const { file, from, to } of CHANGES) {
    const filter = new RegExp(`/${file.replaceAll('.', '\\.')}$`);
    build.onLoad({ filter }, async ({ path: found }) => {
      const source = await readFile(found, 'utf8');
      if (!source.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)} any more`);
      return { contents: source.replaceAll(from, to), loader: 'ts' };
    });
  }
}
