import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { ErasureRequest } from '../../domain/erasure.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, isJson } from '../../domain/http.ts';
import { parseStrictJson } from '../../io/json.ts';
import {
  commonSettings,
  headerName,
  identityKind,
  mapIdentities,
  parseBody,
  parseTime,
  textOrInteger,
} from '../platform.ts';

/** RFC 6901: empty for the whole body, otherwise a slash before each key, in which `~1` is a slash and `~0` a tilde. */
const pointer = v.pipe(v.string(), v.regex(/^(\/([^~/]|~[01])*)*$/u, 'must be a JSON pointer such as /person/email'));
const pointers = v.pipe(v.array(pointer), v.nonEmpty('must hold at least one JSON pointer'));
const plain = v.union([v.string(), v.number(), v.boolean()], 'must be a string, a number, true or false');
const kindsByPointer = v.pipe(v.record(pointer, identityKind), v.minEntries(1, 'must map at least one JSON pointer'));

/** Settings of a platform without code of its own. The defaults describe the body in docs/platforms/generic.md. */
export const genericSettings = v.strictObject({
  ...commonSettings,
  type: v.exactOptional(v.literal('generic', 'must be generic')),
  /** How the sender is authenticated. */
  scheme: v.picklist(['standard-webhooks', 'header', 'basic'], 'must be standard-webhooks, header or basic'),
  /** The header with the secret, for the scheme `header`. */
  header: v.optional(headerName, 'Authorization'),
  /** The values that a body must have to request an erasure. Every other body is rejected. */
  match: v.optional(v.record(pointer, plain), { '/type': 'erasure' }),
  /** The place of the request's id, or several places whose values together are the id. */
  reference: v.optional(v.union([pointer, pointers], 'must be a JSON pointer, or several'), '/request_id'),
  /** The place of a list of `{type, value}`, or the kind of identifier at each place. */
  identifiers: v.optional(
    v.lazy(places => (typeof places === 'string' ? pointer : kindsByPointer)),
    '/identifiers',
  ),
  submittedAt: v.optional(pointer, '/submitted_at'),
  dueAt: v.optional(pointer, '/due_at'),
  callbackUrl: v.optional(pointer, '/callback_url'),
  test: v.optional(pointer, '/test'),
  /** The status of a reply that is not final. */
  whileOpen: v.optional(v.picklist([202, 503], 'must be 202 or 503'), 202),
  /** The status of a final reply if nothing could be looked up, or an operator refused the erasure. */
  whenUnable: v.optional(v.picklist([200, 422], 'must be 200 or 422'), 200),
});
export type GenericSettings = v.InferOutput<typeof genericSettings>;

/**
 * Parses a body as settings map it. The default is `{"type": "erasure", "request_id", "identifiers": [{"type", "value"}],
 * "submitted_at"?, "due_at"?, "callback_url"?, "test"?}`. A `GET` requests the status of the request in its path.
 */
export function parseGenericRequest(request: HttpRequest, settings: GenericSettings) {
  if (request.method === 'GET') return { status: { scope: '', reference: statusReference(request) } };
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const body = parseStrictJson(request.rawBody);
  for (const [pointer, required] of Object.entries(settings.match)) {
    if (valueAt(body, pointer) !== required)
      throw invalidAt(pointer, 'does not have the value that the settings require');
  }
  const erasure = erasureOf(body, settings);
  return isTest(body, settings.test) ? { test: true as const } : { erase: [erasure] };
}

/** Returns the reference in the path of a status request. Throws `not-found` if there is none. */
export function statusReference({ path }: HttpRequest): string {
  const last = decoded(path.slice(path.lastIndexOf('/') + 1));
  if (!referencePattern.test(last)) throw new Failure('not-found', 'path: names no request');
  return last;
}

/** It is used in URLs and headers, and must not be an e-mail address. */
const referencePattern = /^[A-Za-z0-9._:-]{1,128}$/;

function erasureOf(body: unknown, settings: GenericSettings): ErasureRequest {
  const { identities, kinds } = identitiesOf(body, settings.identifiers);
  const submittedAt = timeAt(body, settings.submittedAt);
  const dueAt = timeAt(body, settings.dueAt);
  const url = optionalText(body, settings.callbackUrl);
  return {
    reference: referenceOf(body, settings.reference),
    scope: '',
    identities,
    identifiers: mapIdentities(identities, kinds),
    callbacks: url === undefined ? [] : [{ url, headers: {} }],
    ...(submittedAt === undefined ? {} : { submittedAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
  };
}

/** Combines several values into one id that contains none of them. */
function referenceOf(body: unknown, places: GenericSettings['reference']): string {
  if (typeof places !== 'string') {
    const values = places.map(pointer => requiredText(body, pointer));
    return createHash('sha256').update(JSON.stringify(values)).digest('hex');
  }
  const reference = requiredText(body, places);
  if (!referencePattern.test(reference))
    throw invalidAt(places, 'must be 1 to 128 letters, digits, dots, dashes or colons');
  return reference;
}

const identifierList = v.pipe(v.array(v.object({ type: identityKind, value: textOrInteger })), v.maxLength(50));
const listKinds = { customer_id: 'customer_id', source_id: 'source_id', email: 'email', phone: 'phone' } as const;

function identitiesOf(body: unknown, places: GenericSettings['identifiers']) {
  if (typeof places === 'string') {
    const schema = v.object({ identifiers: identifierList });
    const { identifiers } = parseBody(schema, { identifiers: valueAt(body, places) }, 'an erasure');
    const identities = identifiers.map(({ type, value }) => ({ space: type, format: 'raw', value }));
    return { identities, kinds: listKinds };
  }
  const identities = Object.keys(places).flatMap(pointer => {
    const value = optionalText(body, pointer);
    return value === undefined ? [] : [{ space: pointer, format: 'raw', value }];
  });
  return { identities, kinds: places };
}

/** Only an explicit false deletes. Some senders write the flag as a string. */
function isTest(body: unknown, pointer: string): boolean {
  const flag = valueAt(body, pointer) ?? false;
  if (flag === true || flag === 'true') return true;
  if (flag === false || flag === 'false') return false;
  throw invalidAt(pointer, 'must be true or false');
}

function timeAt(body: unknown, pointer: string): number | undefined {
  const text = optionalText(body, pointer);
  if (text === undefined) return undefined;
  const at = parseTime(text);
  if (at === undefined) throw invalidAt(pointer, 'must be an RFC 3339 time with its zone');
  return at;
}

function requiredText(body: unknown, pointer: string): string {
  const text = optionalText(body, pointer);
  if (text === undefined) throw invalidAt(pointer, 'is missing');
  return text;
}

function optionalText(body: unknown, pointer: string): string | undefined {
  const value = valueAt(body, pointer);
  if (value === undefined || value === null || value === '') return undefined;
  const parsed = v.safeParse(textOrInteger, value);
  if (parsed.success) return parsed.output;
  throw invalidAt(pointer, 'must be a string or a whole number');
}

function invalidAt(pointer: string, rule: string): Failure {
  return new Failure('invalid', `${pointer}: ${rule}`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/**
 * Returns the value at a JSON pointer (RFC 6901, section 4), or `undefined`. Inherited properties of objects and arrays do
 * not count.
 */
export function valueAt(body: unknown, pointer: string): unknown {
  const keys = pointer.split('/').slice(1).map(unescaped);
  return keys.reduce(child, body);
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

function child(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) return undefined;
  if (Array.isArray(parent) && key === 'length') return undefined;
  return Reflect.get(parent, key);
}
