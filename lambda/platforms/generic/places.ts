import * as v from 'valibot';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import { textOrInteger } from '../platform.ts';

/** One order of an authenticated request: the whole body, or one entry of its list. */
export interface Message {
  readonly request: HttpRequest;
  readonly body: unknown;
  readonly entry: unknown;
}

/** Returns the name of the header that a place is, in lower case; `undefined` if the place is in the body. */
export function headerOfPlace(place: string): string | undefined {
  return place.startsWith('header:') ? place.slice('header:'.length).toLowerCase() : undefined;
}

/**
 * Returns the value at a place: `header:Name`, a JSON pointer into the order, or `message:` and a pointer into the whole
 * body. A header that is repeated counts as absent.
 */
export function valueAtPlace(place: string, message: Message): unknown {
  const header = headerOfPlace(place);
  return header === undefined ? valueAt(...rooted(place, message)) : singleHeader(message.request, header);
}

function rooted(place: string, { body, entry }: Message): [root: unknown, pointer: string] {
  // What is before the first slash is no key.
  return [place.startsWith('message:') ? body : entry, place];
}

/** Returns the text or whole number at a place, `undefined` if it is absent, null or empty. Throws `invalid` for others. */
export function optionalText(place: string, message: Message): string | undefined {
  return placeText(valueAtPlace(place, message), place);
}

/** Throws `invalid` if nothing is there; otherwise as {@link optionalText}. */
export function requiredText(place: string, message: Message): string {
  const text = optionalText(place, message);
  if (text === undefined) throw invalidAt(place, 'is missing');
  return text;
}

/** Returns a value as text, see {@link optionalText}; the place is named in the error. */
export function placeText(value: unknown, place: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const parsed = v.safeParse(textOrInteger, value);
  if (parsed.success) return parsed.output;
  throw invalidAt(place, 'must be a string or a whole number');
}

/** Returns `invalid`, which names the place and never its value. */
export function invalidAt(place: string, rule: string): Failure {
  return new Failure('invalid', `${place === '' ? 'body' : place}: ${rule}`);
}

/** Returns the keys of a JSON pointer (RFC 6901, section 4). */
export function pointerKeys(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/**
 * Returns the value at a JSON pointer (RFC 6901, section 4), or `undefined`. Inherited properties of objects and arrays do
 * not count.
 */
export function valueAt(body: unknown, pointer: string): unknown {
  return pointerKeys(pointer).reduce(childOf, body);
}

/** Returns whether a place is an entry of a list, named by its position, or in one. */
export function leadsThroughList(place: string, message: Message): boolean {
  const [root, pointer] = rooted(place, message);
  const parents = pointerKeys(pointer).map((_, at, keys) => keys.slice(0, at).reduce(childOf, root));
  return parents.some(Array.isArray);
}

function childOf(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined;
  if (Array.isArray(parent) && key === 'length') return undefined;
  return Reflect.get(parent, key);
}
