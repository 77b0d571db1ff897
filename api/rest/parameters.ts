// Path and query parameters arrive as text; the schema says which are numbers and booleans. Converted here, strictly, before
// the schema is checked: Ajv's own coercion would take "" for 0 and "1e3" for 1000.

const WHOLE_NUMBER = /^-?[0-9]{1,16}$/;

export type Convert = (values: unknown) => void;

/** A converter for the schema's properties, in place; null when all of them are text. */
export function converterOf(schema: unknown): Convert | null {
  const integers: string[] = [];
  const booleans: string[] = [];
  for (const [name, property] of Object.entries(propertiesOf(schema))) {
    const type = isObject(property) ? property['type'] : undefined;
    if (type === 'integer') integers.push(name);
    if (type === 'boolean') booleans.push(name);
  }
  if (integers.length === 0 && booleans.length === 0) return null;
  return (values) => {
    if (!isObject(values)) return;
    for (const name of integers) values[name] = integerOf(values[name]);
    for (const name of booleans) values[name] = booleanOf(values[name]);
  };
}

function integerOf(value: unknown): unknown {
  return typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : value;
}

function booleanOf(value: unknown): unknown {
  if (value === 'true') return true;
  return value === 'false' ? false : value;
}

function propertiesOf(schema: unknown): object {
  const properties = isObject(schema) ? schema['properties'] : undefined;
  return isObject(properties) ? properties : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
