import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { ErasureRequest, Identifier, Identity } from '../../domain/erasure.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, isJson } from '../../domain/http.ts';
import { parseStrictJson } from '../../io/json.ts';
import { identityKind } from '../common-settings.ts';
import { type ParsedRequest, parseBody, parseTime } from '../platform.ts';
import { valueAt } from './pointer.ts';
import type { GenericSettings } from './settings.ts';

/**
 * Translates a body as settings map it. Our own is `{"type": "erasure", "request_id", "identifiers": [{"type", "value"}],
 * "submitted_at"?, "due_at"?, "callback_url"?, "test"?}`. A `GET` asks how the request in its path stands.
 */
export function parseGenericRequest(request: HttpRequest, settings: GenericSettings): ParsedRequest {
  if (request.method === 'GET') return { status: { scope: '', reference: statusReference(request) } };
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const body = parseStrictJson(request.rawBody);
  for (const [pointer, wanted] of Object.entries(settings.match)) {
    if (valueAt(body, pointer) !== wanted) throw unfit(pointer, 'does not have the value that the settings require');
  }
  const erasure = erasureOf(body, settings);
  return isTest(body, settings.test) ? { test: true } : { erase: [erasure] };
}

/** The request that a path asks about. Throws `not-found` when it names none. */
export function statusReference({ path }: HttpRequest): string {
  const last = decoded(path.slice(path.lastIndexOf('/') + 1));
  if (!referenceShape.test(last)) throw new Failure('not-found', 'path: names no request');
  return last;
}

/** It stands in URLs and headers, and may not be an e-mail address. */
const referenceShape = /^[A-Za-z0-9._:-]{1,128}$/;

function erasureOf(body: unknown, settings: GenericSettings): ErasureRequest {
  const identified = identifiersOf(body, settings.identifiers);
  const submittedAt = timeAt(body, settings.submittedAt);
  const dueAt = timeAt(body, settings.dueAt);
  const url = optionalText(body, settings.callbackUrl);
  return {
    reference: referenceOf(body, settings.reference),
    scope: '',
    identities: identified.map(({ space, value }): Identity => ({ space, format: 'raw', value })),
    identifiers: identified.map(({ kind, value }): Identifier => ({ kind, value })),
    callbacks: url === undefined ? [] : [{ url, headers: {} }],
    ...(submittedAt === undefined ? {} : { submittedAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
  };
}

/** Several values together become one id that shows none of them. */
function referenceOf(body: unknown, places: GenericSettings['reference']): string {
  if (typeof places !== 'string') {
    const values = places.map(pointer => requiredText(body, pointer));
    return createHash('sha256').update(JSON.stringify(values)).digest('hex');
  }
  const reference = requiredText(body, places);
  if (!referenceShape.test(reference)) throw unfit(places, 'must be 1 to 128 letters, digits, dots, dashes or colons');
  return reference;
}

const listed = v.pipe(v.array(v.object({ type: identityKind, value: v.string() })), v.maxLength(50));

function identifiersOf(body: unknown, places: GenericSettings['identifiers']) {
  if (typeof places === 'string') {
    const list = parseBody(v.object({ identifiers: listed }), { identifiers: valueAt(body, places) }, 'an erasure');
    return list.identifiers.map(({ type, value }) => ({ space: type, kind: type, value }));
  }
  return Object.entries(places).flatMap(([pointer, kind]) => {
    const value = optionalText(body, pointer);
    return value === undefined ? [] : [{ space: pointer, kind, value }];
  });
}

/** Only a clear no deletes: some senders write their flag as text. */
function isTest(body: unknown, pointer: string): boolean {
  const flag = valueAt(body, pointer) ?? false;
  if (flag === true || flag === 'true') return true;
  if (flag === false || flag === 'false') return false;
  throw unfit(pointer, 'must be true or false');
}

function timeAt(body: unknown, pointer: string): number | undefined {
  const text = optionalText(body, pointer);
  if (text === undefined) return undefined;
  const at = parseTime(text);
  if (at === undefined) throw unfit(pointer, 'must be an RFC 3339 time with its zone');
  return at;
}

function requiredText(body: unknown, pointer: string): string {
  const text = optionalText(body, pointer);
  if (text === undefined) throw unfit(pointer, 'is missing');
  return text;
}

/** A number larger than this was rounded when it was parsed, and would name somebody else. */
function optionalText(body: unknown, pointer: string): string | undefined {
  const value = valueAt(body, pointer);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (Number.isSafeInteger(value)) return String(value);
  throw unfit(pointer, 'must be a text or a whole number');
}

function unfit(pointer: string, rule: string): Failure {
  return new Failure('invalid', `${pointer}: ${rule}`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
