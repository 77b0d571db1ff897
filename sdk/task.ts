// One task of a pipeline: a container image and what to run in it, after which other tasks.

import { DURATION_RULE, durationSeconds, type Duration } from './duration.ts';
import type {
  ParentRule,
  ResourcesDocument,
  RetriesDocument,
  TaskDocument,
  WireParentRule,
} from './pipeline-document.ts';
import { isTaskId, isVariableKey, isWholeNumber, TASK_ID_RULE, VARIABLE_KEY_RULE } from './rules.ts';

const WIRE_RULE: Readonly<Record<ParentRule, WireParentRule>> = { any: 'Any', success: 'Success', failure: 'Failure' };

export interface RetryOptions {
  /** Wait before the second attempt, doubled for each further one. */
  readonly backoff?: Duration;
  /** The longest wait between two attempts. */
  readonly maxBackoff?: Duration;
  /** Also start again when nobody can tell how the attempt ended; it may then have run twice. */
  readonly onLost?: boolean;
}

export interface ResourceOptions {
  /** Thousandths of a core. */
  readonly cpuMillicores?: number;
  readonly memoryMib?: number;
}

export interface ScriptOptions {
  /** A shell that the image has. */
  readonly shell?: string;
}

/** Starts the description of a task. On the process engine the image names nothing: the command runs on the host. */
export function task(id: string, image: string): Task {
  return new Task(id, image);
}

/** Made by `task()`. Every method changes this task and returns it. */
export class Task {
  readonly id: string;
  readonly #image: string;
  #description: string | null = null;
  #registryAuth: TaskDocument['registry_auth'] = null;
  readonly #dependsOn = new Map<string, WireParentRule>();
  readonly #variables = new Map<string, string>();
  #entrypoint: readonly string[] | null = null;
  #command: readonly string[] | null = null;
  #injectApiToken = false;
  #alwaysPullNewestImage = false;
  #retries: RetriesDocument | null = null;
  #timeoutSeconds: number | null = null;
  #resources: ResourcesDocument | null = null;
  /** What was wrong already when it was set, in words. */
  readonly #problems: string[] = [];

  constructor(id: string, image: string) {
    this.id = id;
    this.#image = image;
  }

  description(text: string): this {
    this.#description = text;
    return this;
  }

  /** Credentials for pulling the image. */
  registryAuth(user: string, pass: string): this {
    this.#registryAuth = { user, pass };
    return this;
  }

  /** Starts only after `parent` has ended, and only if it ended as `rule` says; otherwise this task is skipped. */
  dependsOn(parent: string | Task, rule: ParentRule): this {
    const wireRule: WireParentRule | undefined = WIRE_RULE[rule];
    if (wireRule === undefined) {
      this.#problems.push(`dependsOn: ${JSON.stringify(rule)} is no rule; expected "any", "success" or "failure"`);
    } else {
      this.#dependsOn.set(typeof parent === 'string' ? parent : parent.id, wireRule);
    }
    return this;
  }

  /** `{ build: 'success', notify: 'any' }` */
  dependsOnMany(parents: Readonly<Record<string, ParentRule>>): this {
    for (const [parent, rule] of Object.entries(parents)) this.dependsOn(parent, rule);
    return this;
  }

  /** Sets one environment variable; the value may be a placeholder such as `pipelineSecret('db-password')`. */
  variable(key: string, value: string): this {
    if (!isVariableKey(key)) this.#problems.push(`variable ${JSON.stringify(key)}: expected ${VARIABLE_KEY_RULE}`);
    if (typeof value === 'string') this.#variables.set(key, value);
    else this.#problems.push(`variable ${JSON.stringify(key)}: the value must be text, not ${typeof value}`);
    return this;
  }

  /** Adds to the variables set so far. */
  variables(variables: Readonly<Record<string, string>>): this {
    for (const [key, value] of Object.entries(variables)) this.variable(key, value);
    return this;
  }

  /** Replaces the entrypoint of the image. */
  entrypoint(...words: readonly string[]): this {
    this.#entrypoint = words;
    return this;
  }

  /** Replaces the command of the image. Words are passed as they are: no shell takes them apart. */
  command(...words: readonly string[]): this {
    this.#command = words;
    return this;
  }

  /** Runs a shell script instead of a command. The image needs that shell: bash unless told otherwise. */
  script(text: string, { shell = 'bash' }: ScriptOptions = {}): this {
    this.#command = [shell, '-c', text.trim()];
    return this;
  }

  /** Gives the task a token for the API, in GOFER_TOKEN, with the rights of its pipeline. */
  injectApiToken(inject = true): this {
    this.#injectApiToken = inject;
    return this;
  }

  /** Asks the registry at every start, also when the image is there already. */
  alwaysPullNewestImage(pull = true): this {
    this.#alwaysPullNewestImage = pull;
    return this;
  }

  /** Starts a failed task again, up to `limit` times. */
  retries(limit: number, options: RetryOptions = {}): this {
    if (!isWholeNumber(limit, 0)) this.#problems.push(`retries: ${limit} is not valid; expected a whole number from 0`);
    const { backoff, maxBackoff, onLost } = options;
    this.#retries = {
      limit,
      ...(backoff === undefined ? {} : { backoff_seconds: this.#seconds('retries: backoff', backoff) }),
      ...(maxBackoff === undefined ? {} : { max_backoff_seconds: this.#seconds('retries: maxBackoff', maxBackoff) }),
      ...(onLost === undefined ? {} : { on_lost: onLost }),
    };
    return this;
  }

  /** Longest time of one attempt; then it is stopped and counts as failed. */
  timeout(limit: Duration): this {
    this.#timeoutSeconds = this.#seconds('timeout', limit);
    return this;
  }

  /** Limits of the container; nothing set means no limit. */
  resources({ cpuMillicores, memoryMib }: ResourceOptions): this {
    for (const [name, value] of Object.entries({ cpuMillicores, memoryMib })) {
      if (value === undefined || isWholeNumber(value, 0)) continue;
      this.#problems.push(`resources: ${name} ${value} is not valid; expected a whole number from 0`);
    }
    this.#resources = {
      ...(cpuMillicores === undefined ? {} : { cpu_millicores: cpuMillicores }),
      ...(memoryMib === undefined ? {} : { memory_mib: memoryMib }),
    };
    return this;
  }

  /** One sentence for each fault of this task alone. */
  problems(): readonly string[] {
    const own = [...this.#problems];
    if (!isTaskId(this.id)) own.unshift(`the id is not valid; expected ${TASK_ID_RULE}`);
    if (this.#image.trim() === '') own.push('the image must not be empty');
    return own.map((problem) => `task ${JSON.stringify(this.id)}: ${problem}`);
  }

  /** Ids of the tasks that this one waits for. */
  parents(): readonly string[] {
    return [...this.#dependsOn.keys()];
  }

  toJSON(): TaskDocument {
    return {
      id: this.id,
      description: this.#description,
      image: this.#image,
      registry_auth: this.#registryAuth,
      depends_on: Object.fromEntries(this.#dependsOn),
      variables: Object.fromEntries(this.#variables),
      entrypoint: this.#entrypoint,
      command: this.#command,
      inject_api_token: this.#injectApiToken,
      always_pull_newest_image: this.#alwaysPullNewestImage,
      ...(this.#retries === null ? {} : { retries: this.#retries }),
      ...(this.#timeoutSeconds === null ? {} : { timeout_seconds: this.#timeoutSeconds }),
      ...(this.#resources === null ? {} : { resources: this.#resources }),
    };
  }

  #seconds(what: string, duration: Duration): number {
    const seconds = durationSeconds(duration);
    if (seconds === null)
      this.#problems.push(`${what}: ${JSON.stringify(duration)} is not valid; expected ${DURATION_RULE}`);
    return seconds ?? 0;
  }
}
