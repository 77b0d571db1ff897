// From what `gofer up` was pointed at to the document that it stands for.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { PipelineDocument } from '../../../sdk/pipeline-document.ts';
import { bundleProgram } from './bundle-program.ts';
import { detectProject, type Project } from './detect-project.ts';
import { parseDocument } from './parse-document.ts';
import { runProgram, type RunOptions } from './run-program.ts';

/** Compiles and runs the project's program; a `.json` file is taken as it is. */
export async function buildDocument(target: string, options: RunOptions): Promise<PipelineDocument> {
  const project = await detectProject(target);
  if (project.kind === 'document') return parseDocument(await readFile(project.file, 'utf8'), project.file);
  return parseDocument(await runProject(project, options), 'the pipeline program');
}

async function runProject(project: Exclude<Project, { kind: 'document' }>, options: RunOptions): Promise<string> {
  switch (project.kind) {
    case 'node':
      return runNode(project.entry, project.directory, options);
    case 'go':
      return runGo(project.directory, options);
    case 'rust':
      return runRust(project.directory, options);
  }
}

async function runNode(entry: string, directory: string, options: RunOptions): Promise<string> {
  await using program = await bundleProgram(entry);
  const byHand = `gofer up --dry-run ${shellWord(entry)}`;
  const args = ['--enable-source-maps', program.file];
  return await runProgram({ command: process.execPath, args, directory, byHand }, options);
}

async function runGo(directory: string, options: RunOptions): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gofer-up-'));
  const binary = path.join(folder, 'pipeline');
  const byHand = `cd ${shellWord(directory)} && go run .`;
  try {
    await runProgram({ command: 'go', args: ['build', '-o', binary, '.'], directory, byHand }, options);
    return await runProgram({ command: binary, args: [], directory, byHand }, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runRust(directory: string, options: RunOptions): Promise<string> {
  const manifest = `--manifest-path=${path.join(directory, 'Cargo.toml')}`;
  const byHand = `cargo run ${shellWord(manifest)}`;
  return runProgram({ command: 'cargo', args: ['run', manifest], directory, byHand }, options);
}

/** The word as a POSIX shell takes it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
