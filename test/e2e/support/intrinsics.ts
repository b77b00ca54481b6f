import * as v from 'valibot';

/** The values of a deployed resource: its `Ref`, and its attributes for `Fn::GetAtt`. */
export interface Created {
  readonly ref: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Logical ids and pseudo parameters, such as `AWS::Region`. */
export type Known = ReadonlyMap<string, Created>;

/**
 * Puts what was created in the place of the intrinsic functions. Throws for a reference to nothing known and for a
 * function that is not one of these, so that nothing is guessed.
 */
export function resolved(value: unknown, known: Known): unknown {
  if (Array.isArray(value)) return value.map(part => resolved(part, known));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (first !== undefined && entries.length === 1 && isIntrinsic(first[0])) return intrinsic(first[0], first[1], known);
  return Object.fromEntries(entries.map(([name, part]) => [name, resolved(part, known)]));
}

/** As {@link resolved}, where only a text will do. */
export function resolvedText(value: unknown, known: Known): string {
  return v.parse(v.string(), resolved(value, known));
}

function isIntrinsic(key: string): boolean {
  return key === 'Ref' || key.startsWith('Fn::') || key === 'Condition';
}

function intrinsic(name: string, argument: unknown, known: Known): string {
  switch (name) {
    case 'Ref':
      return lookUp(v.parse(v.string(), argument), known).ref;
    case 'Fn::GetAtt': {
      const [id, attribute] = v.parse(v.tuple([v.string(), v.string()]), argument);
      return attributeOf(id, attribute, known);
    }
    case 'Fn::Join': {
      const [separator, services] = v.parse(v.tuple([v.string(), v.array(v.unknown())]), argument);
      return services.map(part => resolvedText(part, known)).join(separator);
    }
    case 'Fn::Sub':
      return v
        .parse(v.string(), argument)
        .replaceAll(/\$\{([^}]+)\}/g, (_, named: string) => substituted(named, known));
    default:
      throw new Error(`the template uses ${name}, which is not resolved here`);
  }
}

function substituted(named: string, known: Known): string {
  const [id = '', attribute] = named.split('.');
  return attribute === undefined ? lookUp(id, known).ref : attributeOf(id, attribute, known);
}

function attributeOf(id: string, attribute: string, known: Known): string {
  const text = lookUp(id, known).attributes?.[attribute];
  if (text === undefined) throw new Error(`the template asks for ${id}.${attribute}, which is not known here`);
  return text;
}

function lookUp(id: string, known: Known): Created {
  const created = known.get(id);
  if (created === undefined) throw new Error(`the template refers to ${id}, which was not created`);
  return created;
}
