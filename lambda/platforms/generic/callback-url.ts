import { renderText, type Template, type TemplateVariables, templateOf } from './template.ts';

/** Returns whether every variable of a URL is a whole path segment or query value. Its origin is checked separately. */
export function hasWholeParts(url: string): boolean {
  const template = templateOf(url);
  return template.every((part, at) => typeof part === 'string' || isWholePart(template, at)) && !url.includes('#');
}

/** A segment starts after a slash and ends before one; a query value starts after `=`. */
function isWholePart(template: Template, at: number): boolean {
  const textOf = (parts: Template) => String(renderText(parts, () => 'x'));
  const [before, after] = [textOf(template.slice(0, at)), textOf(template.slice(at + 1))];
  const isSegment = /^https?:\/\/[^/?]+\/([^?]*\/)?$/.test(before) && /^([/?]|$)/.test(after);
  return isSegment || (/\?.*=$/.test(before) && /^(&|$)/.test(after));
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
 * URL: only scalars of `[A-Za-z0-9._:-]` are accepted. The result is parsed again and must stay the same text.
 */
export function compileUrl(url: string): (variables: TemplateVariables) => string | undefined {
  const template = templateOf(url);
  return variables => {
    const rendered = renderText(template, name => {
      const value = renderText([{ variable: name }], variables);
      return value !== undefined && segment.test(value) ? value : undefined;
    });
    return URL.parse(String(rendered))?.href === rendered ? rendered : undefined;
  };
}
