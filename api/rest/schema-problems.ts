// What is wrong with a request, in words: the place as one would write it in a program, then what was expected there.

import { AppError } from '../../store/model/errors.ts';

/** As Ajv reports it. */
interface Problem {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** `part` is the part of the request: body, querystring, params or headers. */
export function schemaProblems(problems: readonly Problem[], part: string): Error {
  const [problem] = problems;
  if (problem === undefined) return new AppError('invalid', `${part}: not valid.`);
  const missing = problem.params['missingProperty'];
  const place = placeOf(
    part,
    typeof missing === 'string' ? `${problem.instancePath}/${missing}` : problem.instancePath,
  );
  return new AppError('invalid', `${place}: ${expectation(problem)}.`);
}

/** `/config/tasks/1/depends_on/a` is `config.tasks[1].depends_on.a`. */
function placeOf(part: string, pointer: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const path = steps.map((step) => (/^[0-9]+$/.test(step) ? `[${step}]` : `.${step}`)).join('');
  const name = path.replace(/^\./, '');
  switch (part) {
    case 'body':
      return name === '' ? 'The body' : name;
    case 'querystring':
      return `query parameter ${name}`;
    case 'params':
      return `path parameter ${name}`;
    default:
      return `header ${name}`;
  }
}

function expectation({ keyword, params, message = 'not valid' }: Problem): string {
  switch (keyword) {
    case 'required':
      return 'expected, but missing';
    case 'enum':
      return `expected one of ${listed(params['allowedValues'])}`;
    case 'type':
      return `expected ${listed(params['type'])}`;
    case 'format':
      return 'expected a whole number';
    case 'minimum':
      return `expected at least ${String(params['limit'])}`;
    case 'maximum':
      return `expected at most ${String(params['limit'])}`;
    default:
      return message.replace(/^must /, 'expected to ');
  }
}

function listed(values: unknown): string {
  return Array.isArray(values) ? values.map(String).join(', ') : String(values);
}
