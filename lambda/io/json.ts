import { Failure, failureOf } from '../domain/failure.ts';

/** Maximum nesting of a body; platforms need far less. */
export const maxJsonDepth = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes text. Throws `invalid` for bytes that are not UTF-8 and for a byte order mark. */
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
 * Parses untrusted JSON. Throws `invalid` for text that is not UTF-8 or not JSON, for nesting deeper than
 * {@link maxJsonDepth}, and for a duplicate key in one object (two parsers could read such a body differently). An integer
 * that a number cannot hold exactly becomes a `bigint`: rounded, it could be the id of another person.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  return parseStrictText(decodeUtf8(bytes));
}

/**
 * Parses untrusted JSON by the rules of {@link parseStrictJson}, but each entry of a list on its own: one that breaks a rule
 * becomes the failure, and the others are read.
 */
export function parseStrictEntries(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  if (!Array.isArray(parseJson(text)?.value)) return parseStrictText(text);
  return entryTexts(text).map(entry => {
    try {
      return parseStrictText(entry);
    } catch (error) {
      return failureOf(error);
    }
  });
}

/** Returns the text of each entry of a list, which is valid JSON. */
function entryTexts(list: string): readonly string[] {
  const ends: number[] = [];
  let depth = 0;
  for (const { 0: token, index } of list.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/gu)) {
    const isOpening = token === '{' || token === '[';
    if (isOpening) depth += 1;
    if (depth === 1 && token !== '}' && !token.startsWith('"')) ends.push(index);
    if (token === '}' || token === ']') depth -= 1;
  }
  const texts = ends.slice(1).map((end, at) => list.slice((ends[at] ?? 0) + 1, end));
  return texts.filter(text => text.trim() !== '');
}

function parseStrictText(text: string): unknown {
  const parsed = parseJson(text);
  if (parsed === undefined) throw new Failure('invalid', 'body: is not JSON');
  rejectDeepOrDuplicate(text);
  return /\d{16}/.test(text) ? JSON.parse(text, keepExactIntegers) : parsed.value;
}

/**
 * Parses JSON that decides something, such as a response or a secret, by the rules of {@link parseStrictJson}. Returns
 * `undefined` if it breaks one: what two parsers could read differently is no proof.
 */
export function parseStrictJsonText(text: string): unknown {
  try {
    return parseStrictText(text);
  } catch {
    return undefined;
  }
}

/**
 * Parses JSON without further rules; of two values of one key it keeps the last. Returns `undefined` for invalid JSON; the
 * wrapper distinguishes it from JSON's `null`.
 */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Returns where an invalid JSON text stops being JSON, as ` (line 3, column 7)`; nothing if the engine does not say. */
export function syntaxErrorPlace(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    // The engine's message contains a part of the text: only the number is used.
    const index = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    return index === undefined ? '' : ` ${positionText(text, Number(index))}`;
  }
}

function keepExactIntegers(_key: string, value: unknown, { source = '' }: { readonly source?: string }): unknown {
  const isRounded = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return isRounded ? BigInt(source) : value;
}

const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gu;

/** Checks the tokens of valid JSON. A string followed by a colon can only be a key. */
function rejectDeepOrDuplicate(text: string): void {
  const objects: (Set<unknown> | undefined)[] = [];
  for (const match of text.matchAll(tokens)) {
    const [token, colon] = match;
    if (token === '{' || token === '[') objects.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') objects.pop();
    else if (colon !== undefined) rememberKey(objects.at(-1), token.slice(0, -colon.length));
    if (objects.length > maxJsonDepth) throw new Failure('invalid', 'body: is nested too deeply');
  }
}

function rememberKey(keys: Set<unknown> | undefined, quoted: string): void {
  const key = quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
  if (keys?.has(key)) throw new Failure('invalid', 'body: contains a duplicate key');
  keys?.add(key);
}

export interface JsonPositions {
  /** The index of a value by its JSON pointer (RFC 6901): of its key, or in a list of the value itself. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** Keys that appear again in the same object, which `JSON.parse` does not report. */
  readonly duplicates: readonly { readonly pointer: string; readonly index: number }[];
}

interface Container {
  readonly pointer: string;
  readonly isObject: boolean;
  /** The key or index of the current value. */
  current: string | number;
  expectsKey: boolean;
}

const allTokens = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gu;

/** Returns where the values of a valid JSON text are. */
export function locateJson(text: string): JsonPositions {
  const indexOf = new Map<string, number>();
  const duplicates: { readonly pointer: string; readonly index: number }[] = [];
  const open: Container[] = [];
  for (const { 0: token, index } of text.matchAll(allTokens)) {
    const top = open.at(-1);
    if (token === ',' && top !== undefined) nextEntry(top);
    else if (token === '}' || token === ']') open.pop();
    else if (top?.expectsKey === true) {
      const pointer = readKey(top, token);
      if (indexOf.has(pointer)) duplicates.push({ pointer, index });
      else indexOf.set(pointer, index);
    } else if (token !== ':') {
      const pointer = top === undefined ? '' : pointerTo(top.pointer, top.current);
      if (top?.isObject !== true) indexOf.set(pointer, index);
      if (token === '{' || token === '[') open.push(container(pointer, token === '{'));
    }
  }
  return { indexOf, duplicates };
}

function container(pointer: string, isObject: boolean): Container {
  return { pointer, isObject, current: isObject ? '' : 0, expectsKey: isObject };
}

function nextEntry(top: Container): void {
  if (typeof top.current === 'number') top.current += 1;
  else top.expectsKey = true;
}

function readKey(top: Container, token: string): string {
  top.current = String(JSON.parse(token));
  top.expectsKey = false;
  return pointerTo(top.pointer, top.current);
}

/** Returns the JSON pointer of an entry (RFC 6901, section 3). */
export function pointerTo(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Returns the line and the column of an index in a text, as `(line 3, column 7)`. Both count from 1. */
export function positionText(text: string, index: number): string {
  const lines = text.slice(0, index).split('\n');
  return `(line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1})`;
}
