// Everything that a pipeline document must satisfy before it is kept (spec 14.3 and 15, 34). All problems are found at once, each
// with the path of the field and what was expected there. Pure, and linear in tasks and dependencies.

import { IDENTIFIER_RULE, TASK_ID_RULE, isIdentifier, isTaskId } from '../../store/model/ids.ts';
import * as limits from '../../store/model/limits.ts';
import type { WirePipeline, WireTask } from './parse-config.ts';

/** At most PROBLEMS_MAX of them, and a last line that says how many there were. */
export function configProblems(document: WirePipeline): string[] {
  const problems: string[] = [];
  const say = (path: string, expected: string) => void problems.push(`${path}: ${expected}`);
  if (!isIdentifier(document.id)) say('id', `expected ${IDENTIFIER_RULE}`);
  checkText(say, 'name', document.name, limits.NAME_BYTES_MAX);
  checkText(say, 'description', document.description ?? '', limits.DESCRIPTION_BYTES_MAX);
  checkNumber(say, 'parallelism', document.parallelism, limits.PARALLELISM_MAX);
  checkNumber(say, 'timeout_seconds', document.timeout_seconds ?? 0, limits.TIMEOUT_MAX_S);
  if (document.tasks.length > limits.TASKS_MAX) {
    say('tasks', `expected at most ${limits.TASKS_MAX} tasks, found ${document.tasks.length}`);
    return problems;
  }
  for (const [index, task] of document.tasks.entries()) checkTask(say, `tasks[${index}]`, task);
  checkGraph(say, document.tasks);
  if (problems.length <= limits.PROBLEMS_MAX) return problems;
  return [...problems.slice(0, limits.PROBLEMS_MAX), `and ${problems.length - limits.PROBLEMS_MAX} more problems`];
}

type Say = (path: string, expected: string) => void;

function checkTask(say: Say, path: string, task: WireTask): void {
  if (!isTaskId(task.id)) say(`${path}.id`, `expected ${TASK_ID_RULE}`);
  checkText(say, `${path}.description`, task.description ?? '', limits.DESCRIPTION_BYTES_MAX);
  if (task.image.trim() === '') say(`${path}.image`, 'expected an image reference, such as alpine:3.22');
  checkText(say, `${path}.image`, task.image, limits.IMAGE_BYTES_MAX);
  checkVariables(say, `${path}.variables`, task.variables ?? {}, limits.VARIABLES_PER_TASK_MAX);
  checkArguments(say, `${path}.entrypoint`, task.entrypoint ?? []);
  checkArguments(say, `${path}.command`, task.command ?? []);
  checkNumber(say, `${path}.timeout_seconds`, task.timeout_seconds ?? 0, limits.TIMEOUT_MAX_S);
  checkNumber(say, `${path}.retries.limit`, task.retries?.limit ?? 0, limits.RETRIES_MAX);
  checkNumber(say, `${path}.retries.backoff_seconds`, task.retries?.backoff_seconds ?? 0, limits.BACKOFF_MAX_S);
  checkNumber(say, `${path}.retries.max_backoff_seconds`, task.retries?.max_backoff_seconds ?? 0, limits.BACKOFF_MAX_S);
  checkNumber(say, `${path}.resources.cpu_millicores`, task.resources?.cpu_millicores ?? 0, limits.CPU_MILLIS_MAX);
  checkNumber(say, `${path}.resources.memory_mib`, task.resources?.memory_mib ?? 0, limits.MEMORY_MIB_MAX);
}

function checkText(say: Say, path: string, text: string, maxBytes: number): void {
  if (Buffer.byteLength(text) > maxBytes) say(path, `expected at most ${maxBytes} bytes`);
  if (text.includes('\0')) say(path, 'expected a text without NUL characters');
}

function checkNumber(say: Say, path: string, value: number, max: number): void {
  if (!(value >= 0 && value <= max)) say(path, `expected a number from 0 to ${max}, found ${value}`);
}

function checkArguments(say: Say, path: string, words: readonly string[]): void {
  if (words.length > limits.ARGUMENTS_MAX) say(path, `expected at most ${limits.ARGUMENTS_MAX} words`);
  for (const [index, word] of words.entries()) checkText(say, `${path}[${index}]`, word, limits.ARGUMENT_BYTES_MAX);
}

/** Also used for the variables of a run. */
export function checkVariables(say: Say, path: string, variables: Readonly<Record<string, string>>, max: number): void {
  const entries = Object.entries(variables);
  if (entries.length > max) say(path, `expected at most ${max} variables, found ${entries.length}`);
  for (const [key, value] of entries.slice(0, max)) {
    const at = `${path}.${key.slice(0, 64)}`;
    if (key.includes('=') || key.includes('\0')) say(at, 'expected a name without "=" and NUL characters');
    if (Buffer.byteLength(key) > limits.VARIABLE_KEY_BYTES_MAX) {
      say(at, `expected a name of at most ${limits.VARIABLE_KEY_BYTES_MAX} bytes`);
    }
    checkText(say, at, value, limits.VARIABLE_VALUE_BYTES_MAX);
  }
}

function checkGraph(say: Say, tasks: readonly WireTask[]): void {
  const index = new Map<string, number>();
  for (const [position, task] of tasks.entries()) {
    const first = index.get(task.id);
    if (first === undefined) index.set(task.id, position);
    else say(`tasks[${position}].id`, `expected an id of its own, "${task.id}" is also that of tasks[${first}]`);
  }
  let dependencies = 0;
  for (const [position, task] of tasks.entries()) {
    for (const parent of Object.keys(task.depends_on ?? {})) {
      dependencies += 1;
      if (!index.has(parent))
        say(`tasks[${position}].depends_on.${parent.slice(0, 64)}`, 'expected the id of a task of this pipeline');
    }
  }
  if (dependencies > limits.DEPENDENCIES_MAX) {
    say('tasks', `expected at most ${limits.DEPENDENCIES_MAX} dependencies in all, found ${dependencies}`);
    return;
  }
  const cycle = findCycle(tasks, index);
  if (cycle !== null) say('tasks', `expected no cycle, found ${cycle.join(' -> ')}`);
}

/** The first cycle, in the direction "waits for". Depth first with a stack of its own: a chain of 10,000 tasks is legal. */
function findCycle(tasks: readonly WireTask[], index: ReadonlyMap<string, number>): readonly string[] | null {
  const done = new Set<string>();
  for (const { id } of tasks) {
    if (done.has(id)) continue;
    const path: { readonly id: string; readonly parents: Iterator<string> }[] = [];
    const onPath = new Set<string>();
    const enter = (task: string) => {
      path.push({ id: task, parents: Object.keys(tasks[index.get(task) ?? -1]?.depends_on ?? {}).values() });
      onPath.add(task);
    };
    enter(id);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.parents.next();
      if (next.done === true) {
        done.add(top.id);
        onPath.delete(top.id);
        path.pop();
      } else if (onPath.has(next.value)) {
        const names = path.map((step) => step.id);
        return [...names.slice(names.indexOf(next.value)), next.value];
      } else if (!done.has(next.value) && index.has(next.value)) {
        enter(next.value);
      }
    }
  }
  return null;
}
