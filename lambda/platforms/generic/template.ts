/** Returns the value of a variable, or `undefined` if it is absent. */
export type TemplateVariables = (name: string) => unknown;

interface Variable {
  readonly variable: string;
}

/** A text with variables such as `v1={signature}`. `{{` is a literal brace. */
export type Template = readonly (string | Variable)[];

/** A body with its templates parsed. Returns the rendered JSON value; `undefined` if it is only an absent variable. */
export type BodyTemplate = (variables: TemplateVariables) => unknown;

/** Parses a template. Returns `undefined` for a brace that is not closed or encloses nothing. */
function parseTemplate(text: string): Template | undefined {
  const parts: (string | Variable)[] = [];
  for (const [token, variable] of text.matchAll(/\{\{|\{([^{}]+)\}|[^{]+|\{/gu)) {
    if (token === '{') return undefined;
    parts.push(variable === undefined ? token.replace('{{', '{') : { variable });
  }
  return parts;
}

/** Parses a template of settings, which were checked with {@link hasOnly}. */
export function templateOf(text: string): Template {
  return parseTemplate(text) ?? [];
}

/** Returns the names of the variables in a text, or in every text of a JSON value, keys excluded. */
export function variablesIn(json: unknown): readonly string[] {
  const parts = textsIn(json).flatMap(templateOf);
  return parts.flatMap(part => (typeof part === 'string' ? [] : [part.variable]));
}

function textsIn(json: unknown): readonly string[] {
  if (typeof json === 'string') return [json];
  return typeof json === 'object' && json !== null ? Object.values(json).flatMap(textsIn) : [];
}

/** Renders a template as text. Returns `undefined` if a variable is absent or is not a scalar. */
export function renderText(template: Template, variables: TemplateVariables): string | undefined {
  const parts = template.map(part => (typeof part === 'string' ? part : scalarText(variables(part.variable))));
  return parts.includes(undefined) ? undefined : parts.join('');
}

function scalarText(value: unknown): string | undefined {
  return ['string', 'number', 'boolean', 'bigint'].includes(typeof value) ? String(value) : undefined;
}

/** Parses every text of a JSON value as a template. A text that is one variable keeps the type of its value. */
export function compileBody(json: unknown): BodyTemplate {
  if (typeof json === 'string') return compileText(json);
  if (typeof json !== 'object' || json === null) return () => json;
  if (Array.isArray(json)) {
    const entries = json.map(compileBody);
    return variables => entries.map(entry => entry(variables)).filter(value => value !== undefined);
  }
  const entries = Object.entries(json).map(([key, value]) => [key, compileBody(value)] as const);
  // JSON leaves out a key whose value is absent.
  return variables => Object.fromEntries(entries.map(([key, value]) => [key, value(variables)]));
}

function compileText(text: string): BodyTemplate {
  const template = templateOf(text);
  const [only, ...others] = template;
  if (typeof only === 'object' && others.length === 0) return variables => variables(only.variable);
  return variables => renderText(template, variables);
}

/** Returns a rendered body as JSON. An integer that a number cannot hold exactly becomes a string of its digits. */
export function bodyText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';
}

/** The variables that stand for many names. */
const forms: Readonly<Record<string, RegExp>> = {
  '{/pointer}': /^(message:)?(\/|$)/,
  '{header:Name}': /^header:[A-Za-z0-9-]+$/,
  '{secret:name}': /^secret:[A-Za-z][A-Za-z0-9_-]{0,39}$/,
  '{kept:/pointer}': /^kept:(message:)?\/./,
  '{kept:header:Name}': /^kept:header:[A-Za-z0-9-]+$/,
};

/** Returns whether every text in a JSON value is a template with no other variables than these, such as `{/pointer} {final}`. */
export function hasOnly(json: unknown, variables: string): boolean {
  const isOne = (name: string) => variables.split(' ').some(one => forms[one]?.test(name) ?? one === `{${name}}`);
  return !textsIn(json).map(parseTemplate).includes(undefined) && variablesIn(json).every(isOne);
}

/** Returns the place in the message that a variable stands for. In headers of callbacks it is called `kept:`. */
export function placeOf(variable: string): string | undefined {
  const place = variable.replace(/^kept:/, '');
  return hasOnly(`{${place}}`, '{/pointer} {header:Name}') ? place : undefined;
}

/** Returns the name of the secret that a variable of a header stands for. */
export function secretVariable(name: string): string | undefined {
  return name.startsWith('secret:') ? name.slice('secret:'.length) : undefined;
}
