// A pipeline: a named graph of tasks. A pipeline program builds one and ends with `.finish()`, which prints it as JSON for
// `gofer up`.

import { DURATION_RULE, durationSeconds, type Duration } from './duration.ts';
import { graphProblems } from './graph.ts';
import type { PipelineDocument } from './pipeline-document.ts';
import { IDENTIFIER_RULE, isIdentifier, isWholeNumber } from './rules.ts';
import type { Task } from './task.ts';

/** A screenful: whoever has more than these has one mistake many times. */
const PROBLEMS_SHOWN_MAX = 20;

/** What `.validate()` throws: every fault, each in one sentence that names the task. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  readonly problems: readonly string[];

  constructor(pipelineId: string, problems: readonly string[]) {
    const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => `\n  - ${problem}`);
    const more = problems.length - shown.length;
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(
      `Pipeline ${JSON.stringify(pipelineId)} has ${count}:${shown.join('')}${more > 0 ? `\n  - and ${more} more` : ''}`,
    );
    this.problems = problems;
  }
}

/** Starts the description of a pipeline. The id is for machines and never changes, the name is for people. */
export function pipeline(id: string, name: string): Pipeline {
  return new Pipeline(id, name);
}

/** Made by `pipeline()`. Every method changes this pipeline and returns it. */
export class Pipeline {
  readonly id: string;
  readonly #name: string;
  #description: string | null = null;
  #parallelism = 0;
  #timeout: Duration | null = null;
  #tasks: readonly Task[] = [];

  constructor(id: string, name: string) {
    this.id = id;
    this.#name = name;
  }

  description(text: string): this {
    this.#description = text;
    return this;
  }

  /** How many runs may be under way at once; 0 = as many as the server allows. */
  parallelism(runs: number): this {
    this.#parallelism = runs;
    return this;
  }

  /** Longest time of a whole run from its start. */
  timeout(limit: Duration): this {
    this.#timeout = limit;
    return this;
  }

  /** Replaces the tasks given before. Their order means nothing: `dependsOn` does. */
  tasks(...tasks: readonly Task[]): this {
    this.#tasks = tasks;
    return this;
  }

  /** One sentence for each fault; empty when the server will take the pipeline. */
  problems(): readonly string[] {
    const own: string[] = [];
    if (!isIdentifier(this.id)) own.push(`the pipeline's id is not valid; expected ${IDENTIFIER_RULE}`);
    if (!isWholeNumber(this.#parallelism, 0)) {
      own.push(`parallelism: ${this.#parallelism} is not valid; expected a whole number from 0`);
    }
    if (this.#timeout !== null && durationSeconds(this.#timeout) === null) {
      own.push(`timeout: ${JSON.stringify(this.#timeout)} is not valid; expected ${DURATION_RULE}`);
    }
    const nodes = this.#tasks.map((task) => ({ id: task.id, parents: task.parents() }));
    return [...own, ...this.#tasks.flatMap((task) => task.problems()), ...graphProblems(nodes)];
  }

  /** Throws a PipelineError that names every fault. */
  validate(): this {
    const problems = this.problems();
    if (problems.length > 0) throw new PipelineError(this.id, problems);
    return this;
  }

  /** Validates and prints the pipeline on stdout: the last line of a pipeline program. */
  finish(): void {
    this.validate();
    process.stdout.write(`${JSON.stringify(this)}\n`);
  }

  toJSON(): PipelineDocument {
    const timeoutSeconds = this.#timeout === null ? null : (durationSeconds(this.#timeout) ?? 0);
    return {
      id: this.id,
      name: this.#name,
      description: this.#description,
      parallelism: this.#parallelism,
      ...(timeoutSeconds === null ? {} : { timeout_seconds: timeoutSeconds }),
      tasks: this.#tasks.map((task) => task.toJSON()),
    };
  }
}
