/** As much of JSON Schema as the spool's schema uses: a list of what does not fit. */

/** A schema, or part of one. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maxItems?: number;
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean;
  items?: Schema;
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/** Everything in which a value does not fit a schema. */
export function violations(schema: Schema, value: unknown, root = schema, at = "$"): string[] {
  const found: string[] = [];
  const check = (fits: boolean, what: string) => {
    if (!fits) found.push(`${at}: ${what}`);
  };
  if (schema.$ref !== undefined) {
    return violations(root.$defs![schema.$ref.slice("#/$defs/".length)]!, value, root, at);
  }
  if (schema.type !== undefined) check(typeOf(value) === schema.type, `not of type ${schema.type}`);
  if ("const" in schema) check(value === schema.const, `not ${schema.const}`);
  if (schema.enum !== undefined) check(schema.enum.includes(value), `not one of ${schema.enum}`);
  if (schema.pattern !== undefined) {
    check(new RegExp(schema.pattern).test(String(value)), "pattern");
  }
  if (schema.minimum !== undefined) check(Number(value) >= schema.minimum, "too small");
  if (schema.oneOf !== undefined) {
    const fitting = schema.oneOf.filter((each) => violations(each, value, root, at).length === 0);
    check(fitting.length === 1, `fits ${fitting.length} of ${schema.oneOf.length}`);
  }
  if (Array.isArray(value)) {
    if (schema.maxItems !== undefined) check(value.length <= schema.maxItems, "too long");
    if (schema.items === undefined) return found;
    return value.reduce(
      (all, item, i) => all.concat(violations(schema.items!, item, root, `${at}[${i}]`)),
      found,
    );
  }
  return typeof value === "object" && value !== null
    ? found.concat(objectViolations(schema, value as Record<string, unknown>, root, at))
    : found;
}

function objectViolations(
  schema: Schema,
  value: Record<string, unknown>,
  root: Schema,
  at: string,
): string[] {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const found = required.filter((key) => !(key in value)).map((key) => `${at}: no ${key}`);
  for (const [key, each] of Object.entries(value)) {
    const property = properties[key];
    if (property !== undefined) found.push(...violations(property, each, root, `${at}.${key}`));
    else if (!additionalProperties) found.push(`${at}: ${key} is unknown`);
  }
  return found;
}
