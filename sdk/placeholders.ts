// Values that the server fills in right before a task starts. A variable holds either one placeholder or plain text; there
// is no mixing.

/** A secret of this pipeline. */
export function pipelineSecret(key: string): string {
  return placeholder('pipeline_secret', key);
}

/** A secret of the whole installation, where its owner permits this namespace. */
export function globalSecret(key: string): string {
  return placeholder('global_secret', key);
}

/** An object that belongs to this pipeline and outlives its runs. */
export function pipelineObject(key: string): string {
  return placeholder('pipeline_object', key);
}

/** An object of this run, usually written by a parent task. */
export function runObject(key: string): string {
  return placeholder('run_object', key);
}

function placeholder(kind: string, key: string): string {
  if (key.trim() === '' || key.includes('}}')) {
    throw new TypeError(`${kind}: ${JSON.stringify(key)} cannot be a key; expected some text without "}}".`);
  }
  return `${kind}{{${key}}}`;
}
