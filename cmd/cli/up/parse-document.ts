// What a pipeline program printed must be exactly one JSON pipeline. The server checks the rest; here only what lets us say
// where to look.

import type { PipelineDocument } from '../../../sdk/pipeline-document.ts';
import { causeChain, CliError } from '../cli-error.ts';

/** Enough to recognise what was printed. */
const SHOWN_CHARACTERS = 120;

/** `source` says in the message where the text came from, for example "the program". */
export function parseDocument(text: string, source: string): PipelineDocument {
  if (text.trim() === '') {
    throw new CliError(`Expected one JSON pipeline from ${source}, but there was nothing.`, {
      hints: ['A pipeline program ends with .finish(), which prints it.'],
    });
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const begin = JSON.stringify(text.trimStart().slice(0, SHOWN_CHARACTERS));
    throw new CliError(
      `Expected one JSON pipeline from ${source}: ${causeChain(error).join(': ')}. It begins with ${begin}.`,
      {
        hints: ['Only .finish() may print to stdout, once; use console.error for everything else.'],
      },
    );
  }
  if (!looksLikePipeline(document)) {
    throw new CliError(`The JSON from ${source} is no pipeline: expected an object with "id", "name" and "tasks".`);
  }
  return document;
}

function looksLikePipeline(value: unknown): value is PipelineDocument {
  if (typeof value !== 'object' || value === null) return false;
  const { id, name, tasks }: { readonly id?: unknown; readonly name?: unknown; readonly tasks?: unknown } = value;
  return typeof id === 'string' && typeof name === 'string' && Array.isArray(tasks);
}
