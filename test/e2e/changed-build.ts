// A real executable of this tree with a few changes to its sources, such as the author of the next version would make them.

import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PluginBuild } from 'esbuild';
import { bundleApp } from '../../.house/build.mjs';
import { ROOT } from './real-server.ts';

export interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Resolves with the launcher; everything lies in `directory`. */
export async function buildChanged(directory: string, changes: readonly SourceChange[]): Promise<string> {
  const setup = (build: PluginBuild) => changeSources(build, changes);
  const { outputFiles = [] } = await bundleApp({ plugins: [{ name: 'changes', setup }] });
  const dist = path.join(directory, 'dist');
  await mkdir(dist, { recursive: true });
  await mkdir(path.join(directory, 'cmd'), { recursive: true });
  await Promise.all(
    outputFiles.map(({ path: file, contents }) => writeFile(path.join(dist, path.basename(file)), contents)),
  );
  await symlink(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  const launcher = path.join(directory, 'cmd', 'gofer.mjs');
  await copyFile(path.join(ROOT, 'cmd', 'gofer.mjs'), launcher);
  return launcher;
}

function changeSources(build: PluginBuild, changes: readonly SourceChange[]): void {
  for (const file of new Set(changes.map((change) => change.file))) {
    const filter = new RegExp(`/${file.replaceAll('.', '\\.')}$`);
    build.onLoad({ filter }, async ({ path: found }) => {
      let contents = await readFile(found, 'utf8');
      for (const { from, to } of changes.filter((change) => change.file === file)) {
        if (!contents.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)} any more`);
        contents = contents.replaceAll(from, to);
      }
      return { contents, loader: 'ts' };
    });
  }
}
