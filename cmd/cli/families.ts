// All first words after `gofer`. The code behind one is loaded only when it is named.

import type { DefineFamily } from './host.ts';

export interface Family {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<DefineFamily>;
}

export const FAMILIES: readonly Family[] = [
  {
    name: 'up',
    summary: 'Register and deploy the pipeline of a project',
    load: async () => (await import('./commands/up.ts')).defineUp,
  },
  {
    name: 'fetch',
    summary: 'Look at anything: fetch [pipeline] [run] [task]',
    load: async () => (await import('./commands/fetch.ts')).defineFetch,
  },
  {
    name: 'namespace',
    summary: "A team's share of the system",
    load: async () => (await import('./commands/namespace.ts')).defineNamespace,
  },
  {
    name: 'pipeline',
    summary: 'Pipelines, their configs, deployments and objects',
    load: async () => (await import('./commands/pipeline.ts')).definePipeline,
  },
  {
    name: 'run',
    summary: 'Start, watch, cancel and retry runs',
    load: async () => (await import('./commands/run.ts')).defineRun,
  },
  {
    name: 'task',
    summary: 'The tasks of a run, and their logs',
    load: async () => (await import('./commands/task.ts')).defineTask,
  },
  {
    name: 'secret',
    summary: 'Secrets of a pipeline, and global ones',
    load: async () => (await import('./commands/secret.ts')).defineSecret,
  },
  {
    name: 'event',
    summary: 'What happened, in order',
    load: async () => (await import('./commands/event.ts')).defineEvent,
  },
  {
    name: 'token',
    summary: 'Tokens: who may ask the server for what',
    load: async () => (await import('./commands/token.ts')).defineToken,
  },
  {
    name: 'role',
    summary: 'Roles: what the tokens that hold them may do',
    load: async () => (await import('./commands/role.ts')).defineRole,
  },
  {
    name: 'cluster',
    summary: 'The nodes of the cluster: who leads, hand over, empty a node',
    load: async () => (await import('./commands/cluster.ts')).defineCluster,
  },
  {
    name: 'context',
    summary: "Show the configuration in use, and the server's version",
    load: async () => (await import('./commands/context.ts')).defineContext,
  },
  {
    name: 'service',
    summary: 'Run the server',
    load: async () => (await import('./commands/service.ts')).defineService,
  },
  {
    name: 'demo',
    summary: 'Start a server with an example pipeline',
    load: async () => (await import('./commands/service.ts')).defineDemo,
  },
  {
    name: 'completion',
    summary: 'Print a completion script for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).defineCompletion,
  },
];
