import * as v from 'valibot';
import { commonSettings, headerName, identityKind } from '../common-settings.ts';

/** RFC 6901: empty for the whole body, else a slash before each key, in which `~1` is a slash and `~0` a tilde. */
const pointer = v.pipe(v.string(), v.regex(/^(\/([^~/]|~[01])*)*$/u, 'must be a JSON pointer such as /person/email'));
const pointers = v.pipe(v.array(pointer), v.nonEmpty('must hold at least one JSON pointer'));
const plain = v.union([v.string(), v.number(), v.boolean()], 'must be a text, a number, true or false');
const kindsByPointer = v.pipe(v.record(pointer, identityKind), v.minEntries(1, 'must map at least one JSON pointer'));

/** What settings say of a sender that has no code of its own. The defaults are our own body; see {@link read}. */
export const genericSettings = v.strictObject({
  ...commonSettings,
  type: v.exactOptional(v.literal('generic', 'must be generic')),
  /** How the sender proves itself. */
  scheme: v.picklist(['standard-webhooks', 'header', 'basic'], 'must be standard-webhooks, header or basic'),
  /** The header that carries the secret, for the scheme `header`. */
  header: v.optional(headerName, 'Authorization'),
  /** What a body must hold to be an order to erase; every other body is refused. */
  match: v.optional(v.record(pointer, plain), { '/type': 'erasure' }),
  /** Where the request's id is; several places together, for senders that have none. */
  reference: v.optional(v.union([pointer, pointers], 'must be a JSON pointer, or several'), '/request_id'),
  /** Where a list of `{type, value}` is, or which places hold an identifier of which kind. */
  identifiers: v.optional(
    v.lazy(places => (typeof places === 'string' ? pointer : kindsByPointer)),
    '/identifiers',
  ),
  submittedAt: v.optional(pointer, '/submitted_at'),
  dueAt: v.optional(pointer, '/due_at'),
  callbackUrl: v.optional(pointer, '/callback_url'),
  test: v.optional(pointer, '/test'),
  /** The status of an answer that is not final. */
  whileOpen: v.optional(v.picklist([202, 503], 'must be 202 or 503'), 202),
  /** The status of a final answer that nobody could be looked up, or that a person refused. */
  whenUnable: v.optional(v.picklist([200, 422], 'must be 200 or 422'), 200),
});
export type GenericSettings = v.InferOutput<typeof genericSettings>;
