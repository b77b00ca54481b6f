import { Failure } from '../failure.ts';

/** Nesting a body may have; no platform needs more than a handful. */
export const maxJsonDepth = 20;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes as text. Throws `invalid` for bytes that are not UTF-8 and for a byte order mark. */
export function decodeUtf8(bytes: Uint8Array): string {
  const text = decodeOrUndefined(bytes);
  if (text === undefined) throw new Failure('invalid', 'body: is not UTF-8');
  if (text.startsWith('\uFEFF')) throw new Failure('invalid', 'body: starts with a byte order mark');
  return text;
}

function decodeOrUndefined(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Parses JSON that came from outside. Throws `invalid` for what is not UTF-8 or not JSON, for nesting deeper than
 * {@link maxJsonDepth} and for a key that stands twice in one object (two readers would disagree on such a body).
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  const parsed = parseJson(text);
  if (parsed === undefined) throw new Failure('invalid', 'body: is not JSON');
  refuseDeepAndDuplicate(text);
  return parsed.value;
}

/** Parses JSON, or gives `undefined`; the wrapper tells JSON's `null` from no JSON. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gu;

/** Walks the tokens of text that is known to be JSON; a string followed by a colon can only be a key. */
function refuseDeepAndDuplicate(text: string): void {
  const open: (Set<unknown> | undefined)[] = [];
  for (const match of text.matchAll(tokens)) {
    const [token, colon] = match;
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) rememberKey(open.at(-1), token.slice(0, -colon.length));
    if (open.length > maxJsonDepth) throw new Failure('invalid', 'body: is nested too deeply');
  }
}

function rememberKey(keys: Set<unknown> | undefined, quoted: string): void {
  const key = JSON.parse(quoted);
  if (keys?.has(key)) throw new Failure('invalid', 'body: holds a key twice');
  keys?.add(key);
}
