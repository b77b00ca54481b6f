import { renderText, type Template, type TemplateVariables, templateOf } from './template.ts';

/** Returns whether every variable of a URL is a whole path segment or query value. Its origin is checked separately. */
export function hasWholeParts(url: string): boolean {
  const template = templateOf(url);
  return template.every((part, at) => typeof part === 'string' || isWholePart(template, at)) && !url.includes('#');
}

/** A segment starts after a slash and ends before one; a query value starts after `=`. */
function isWholePart(template: Template, at: number): boolean {
  const before = template.slice(0, at).map(part => (typeof part === 'string' ? part : 'x'));
  const after = template[at + 1] ?? '';
  if (typeof after !== 'string') return false;
  const isSegment = /^https?:\/\/[^/?]+\/([^?]*\/)?$/.test(before.join('')) && /^([/?]|$)/.test(after);
  return isSegment || (/\?.*=$/.test(before.join('')) && /^(&|$)/.test(after));
}

/** Returns the part of a template before its first variable. */
export function literalPrefix(url: string): string {
  const [first] = templateOf(url);
  return typeof first === 'string' ? first : '';
}

/** Encoded, these are the characters themselves, so that no value can change the structure of the URL. */
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;

/**
 * Parses the URL of a callback. What is returned renders it, and returns `undefined` if a value is absent or could change the
 * URL: only scalars of `[A-Za-z0-9._:-]` are accepted. The result is parsed again and must begin with the literal prefix.
 */
export function compileUrl(url: string): (variables: TemplateVariables) => string | undefined {
  const [template, prefix] = [templateOf(url), literalPrefix(url)];
  return variables => {
    const rendered = renderText(template, name => {
      const value = renderText([{ variable: name }], variables);
      return value !== undefined && segment.test(value) ? value : undefined;
    });
    const parsed = rendered === undefined ? null : URL.parse(rendered);
    return parsed?.href.startsWith(prefix) === true && parsed.href === rendered ? rendered : undefined;
  };
}
