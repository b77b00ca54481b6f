import * as v from 'valibot';
import { listOf, oneOf, textLike, wholeNumber } from '../../io/setting-schemas.ts';
import { headerName } from '../platform.ts';
import { signatureForm } from './signature-header.ts';
import { hasOnly, variablesIn } from './template.ts';

export const secretName = textLike(
  /^[A-Za-z][A-Za-z0-9_-]{0,39}$/,
  'must be the name of an entry of named in the secret',
);
const secret = v.exactOptional(secretName);
const header = v.optional(headerName, 'Authorization');
const filled = v.pipe(v.string(), v.nonEmpty('must not be empty'));

const hmacFields = v.strictObject({
  kind: v.literal('hmac'),
  header: headerName,
  /** How the header holds the signature, such as `v1={signature}`. */
  value: v.optional(v.string(), '{signature}'),
  /** The header is a list, which may contain several signatures. `value` then also has one `{timestamp}` at most. */
  separator: v.exactOptional(v.picklist([' ', ',', ';'], 'must be a space, a comma or a semicolon')),
  /** The signed text, of `{body} {method} {url} {header:Name}`, and `{timestamp}` of `value`. */
  signs: v.string(),
  hash: v.optional(oneOf(['sha1', 'sha256', 'sha512']), 'sha256'),
  encoding: oneOf(['hex', 'base64', 'base64url']),
  key: v.optional(oneOf(['text', 'base64', 'hex']), 'text'),
  timestamp: v.exactOptional(
    v.strictObject({
      /** A header, or `value` for its `{timestamp}`. */
      from: textLike(/^(header:[A-Za-z0-9-]+|value)$/, 'must be header:Name or value'),
      unit: oneOf(['s', 'ms', 'rfc3339']),
      toleranceSeconds: wholeNumber(1, 3600),
    }),
  ),
  secret,
});
export type HmacProof = v.InferOutput<typeof hmacFields>;

const hmac = v.pipe(
  hmacFields,
  v.forward(
    v.check(
      one => signatureForm(one) !== undefined,
      'must contain {signature} once; with separator also {timestamp} once, in a part that begins differently',
    ),
    ['value'],
  ),
  v.forward(
    v.check(isSignable, 'may contain only {body}, {method}, {url}, {header:Name}, and {timestamp} if value has it'),
    ['signs'],
  ),
  v.forward(v.check(isTimeSigned, 'must contain the time of timestamp'), ['signs']),
);

function isSignable(proof: HmacProof): boolean {
  const form = signatureForm(proof);
  const inValue = form !== undefined && form.timestamp === undefined ? '' : ' {timestamp}';
  return variablesIn(proof.signs).length > 0 && hasOnly(proof.signs, `{body} {method} {url} {header:Name}${inValue}`);
}

function isTimeSigned({ signs, timestamp }: HmacProof): boolean {
  const signed = variablesIn(signs.toLowerCase());
  return timestamp === undefined || signed.includes(timestamp.from.toLowerCase().replace(/^value$/, 'timestamp'));
}

/** One authentication of a sender. */
export const proof = v.variant(
  'kind',
  [
    v.strictObject({ kind: v.literal('standard-webhooks'), secret }),
    v.strictObject({ kind: v.literal('header'), header, secret }),
    v.strictObject({ kind: v.literal('basic'), secret }),
    hmac,
    v.strictObject({
      kind: v.literal('jwt'),
      header,
      issuer: filled,
      audience: filled,
      /** The address of the issuer's keys. */
      jwks: textLike(
        /^(https:\/\/[^/?#@\s]+|http:\/\/127\.0\.0\.1:\d{1,5})\/[^?#\s]*$/,
        'must be an address such as https://host/path',
      ),
      algorithms: listOf(oneOf(['RS256', 'PS256', 'ES256', 'EdDSA']), 'algorithm'),
    }),
  ],
  'must be hmac, standard-webhooks, header, basic or jwt',
);
export type Proof = v.InferOutput<typeof proof>;
export type JwtProof = Extract<Proof, { kind: 'jwt' }>;
