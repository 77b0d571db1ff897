// The server's rules for names and numbers, repeated here so that a mistake shows before anything is sent. A test keeps the
// two in step.

const IDENTIFIER = /^[A-Za-z0-9-]{3,32}$/;
export const IDENTIFIER_RULE = '3 to 32 characters, each a letter, a digit or "-"';

const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
export const TASK_ID_RULE =
  '1 to 64 characters, each a letter, a digit, "_", "." or "-", the first a letter or a digit';

/** An environment cannot hold a name with "=" or with NUL. */
const VARIABLE_KEY = /^[^=\u0000]+$/;
export const VARIABLE_KEY_RULE = 'at least one character, none of them "=" or NUL';

/** Whether the server takes the text as id of a pipeline or of a namespace. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** Whether the server takes the text as id of a task. */
export function isTaskId(text: string): boolean {
  return TASK_ID.test(text);
}

/** Whether the text can name an environment variable. */
export function isVariableKey(text: string): boolean {
  return VARIABLE_KEY.test(text);
}

export function isWholeNumber(value: number, minimum: number): boolean {
  return Number.isSafeInteger(value) && value >= minimum;
}
