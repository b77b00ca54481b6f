/** A JSON Schema, draft 7, or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

type Check = (given: unknown, value: unknown, rules: Rules) => boolean;

interface Rules {
  readonly schema: Schema;
  readonly root: Schema;
}

/** What editors ignore when they judge. */
const annotations = [
  ...['$schema', 'title', 'description', 'default', 'examples', 'patternErrorMessage', 'definitions', 'then', 'else'],
];

const formats: Readonly<Record<string, (value: string) => boolean>> = {
  email: value => /^\S+@\S+\.\S+$/.test(value),
  'date-time': value => !Number.isNaN(Date.parse(value)),
};

const checks: Readonly<Record<string, Check>> = {
  $ref: (given, value, { root }) => fits(value, referred(given, root), root),
  type: (given, value) => [given].flat().some(type => isOf(type, value)),
  const: (given, value) => value === given,
  enum: (given, value) => list(given).includes(value),
  minimum: (given, value) => typeof value !== 'number' || value >= Number(given),
  maximum: (given, value) => typeof value !== 'number' || value <= Number(given),
  exclusiveMinimum: (given, value) => typeof value !== 'number' || value > Number(given),
  minLength: (given, value) => typeof value !== 'string' || value.length >= Number(given),
  maxLength: (given, value) => typeof value !== 'string' || value.length <= Number(given),
  pattern: (given, value) => typeof value !== 'string' || new RegExp(String(given), 'u').test(value),
  format: (given, value) => typeof value !== 'string' || (formats[String(given)]?.(value) ?? true),
  minItems: (given, value) => !Array.isArray(value) || value.length >= Number(given),
  items: (given, value, { root }) => !Array.isArray(value) || value.every(one => fits(one, object(given), root)),
  required: (given, value) => !isObject(value) || list(given).every(name => Object.hasOwn(value, String(name))),
  minProperties: (given, value) => !isObject(value) || Object.keys(value).length >= Number(given),
  propertyNames: (given, value, { root }) =>
    !isObject(value) || Object.keys(value).every(name => fits(name, object(given), root)),
  properties: (given, value, { root }) =>
    !isObject(value) ||
    Object.entries(object(given)).every(([name, one]) => !(name in value) || fits(value[name], object(one), root)),
  additionalProperties: (given, value, { schema, root }) =>
    !isObject(value) ||
    Object.entries(value).every(
      ([name, one]) =>
        name in object(schema['properties'] ?? {}) || (given !== false && fits(one, object(given), root)),
    ),
  allOf: (given, value, { root }) => list(given).every(one => fits(value, object(one), root)),
  anyOf: (given, value, { root }) => list(given).some(one => fits(value, object(one), root)),
  if: (given, value, { schema, root }) =>
    fits(value, object(schema[fits(value, object(given), root) ? 'then' : 'else']), root),
};

/** Whether a value fits. Throws for a word of JSON Schema that is not known here, so that none goes unchecked. */
export function fits(value: unknown, schema: Schema, root: Schema = schema): boolean {
  return Object.entries(schema)
    .filter(([keyword]) => !annotations.includes(keyword))
    .every(([keyword, given]) => {
      const check = checks[keyword];
      if (check === undefined) throw new Error(`${keyword}: is not checked here`);
      return check(given, value, { schema, root });
    });
}

/** Returns a schema with its reference resolved; keywords beside the reference take precedence. */
function said(value: unknown, schema: Schema, root: Schema): Schema {
  const { $ref, allOf, if: condition, ...own } = schema;
  const branch = condition === undefined ? [] : [own[fits(value, object(condition), root) ? 'then' : 'else']];
  const others = [...($ref === undefined ? [] : [referred($ref, root)]), ...list(allOf ?? []), ...branch];
  return Object.assign({}, ...others.map(one => said(value, object(one), root)), own);
}

/** What a schema says of one entry of an object or a list. */
export function ofEntry(name: string, value: unknown, schema: Schema, root: Schema): Schema {
  const { properties = {}, additionalProperties, items } = schema;
  const own = object(properties)[name] ?? (items === undefined ? additionalProperties : items);
  return said(value, isObject(own) ? own : {}, root);
}

function referred(pointer: unknown, root: Schema): Schema {
  return object(object(root['definitions'])[String(pointer).replace('#/definitions/', '')]);
}

function isOf(type: unknown, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  if (type === 'null') return value === null;
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(value: unknown): Schema {
  if (!isObject(value)) throw new Error('a schema that is no object');
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list that is none');
  return value;
}
