// The package `gofer/sdk`: describe a pipeline in TypeScript or JavaScript and print it for `gofer up`.

export { pipeline, Pipeline, PipelineError } from './pipeline.ts';
export { task, Task } from './task.ts';
export type { ResourceOptions, RetryOptions, ScriptOptions } from './task.ts';
export { globalSecret, pipelineObject, pipelineSecret, runObject } from './placeholders.ts';
export type { Duration } from './duration.ts';
export type {
  ParentRule,
  PipelineDocument,
  ResourcesDocument,
  RetriesDocument,
  TaskDocument,
  WireParentRule,
} from './pipeline-document.ts';
