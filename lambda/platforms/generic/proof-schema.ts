import * as v from 'valibot';
import { headerName } from '../platform.ts';

export const secretName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/, 'must be the name of an entry of named in the secret'),
);
const secret = v.exactOptional(secretName);
const filled = v.pipe(v.string(), v.nonEmpty('must not be empty'));

/** One authentication of a sender. */
export const proof = v.variant(
  'kind',
  [
    v.strictObject({ kind: v.literal('standard-webhooks'), secret }),
    v.strictObject({ kind: v.literal('header'), header: v.optional(headerName, 'Authorization'), secret }),
    v.strictObject({ kind: v.literal('basic'), secret }),
    v.strictObject({
      kind: v.literal('hmac'),
      header: headerName,
      /** How the header holds the signature, such as `v1={signature}`. */
      value: v.optional(v.string(), '{signature}'),
      /** The header is a list, in which several signatures may stand. `value` then also has one `{timestamp}` at most. */
      separator: v.exactOptional(v.picklist([' ', ',', ';'], 'must be a space, a comma or a semicolon')),
      /** The signed text, of `{body} {method} {url} {header:Name}`, and `{timestamp}` of `value`. */
      signs: v.string(),
      hash: v.optional(v.picklist(['sha1', 'sha256', 'sha512'], 'must be sha1, sha256 or sha512'), 'sha256'),
      encoding: v.picklist(['hex', 'base64', 'base64url'], 'must be hex, base64 or base64url'),
      key: v.optional(v.picklist(['text', 'base64', 'hex'], 'must be text, base64 or hex'), 'text'),
      timestamp: v.exactOptional(
        v.strictObject({
          /** A header, or `value` for its `{timestamp}`. */
          from: v.pipe(v.string(), v.regex(/^(header:[A-Za-z0-9-]+|value)$/, 'must be header:Name or value')),
          unit: v.picklist(['s', 'ms', 'rfc3339'], 'must be s, ms or rfc3339'),
          toleranceSeconds: v.pipe(
            v.number(),
            v.integer('must be a whole number'),
            v.minValue(1, 'must be from 1 to 3600'),
            v.maxValue(3600, 'must be from 1 to 3600'),
          ),
        }),
      ),
      secret,
    }),
    v.strictObject({
      kind: v.literal('jwt'),
      header: v.optional(headerName, 'Authorization'),
      issuer: filled,
      audience: filled,
      /** The address of the issuer's keys. */
      jwks: v.pipe(
        v.string(),
        v.regex(
          /^(https:\/\/[^/?#@\s]+|http:\/\/127\.0\.0\.1:\d{1,5})\/[^?#\s]*$/,
          'must be an address such as https://host/path',
        ),
      ),
      algorithms: v.pipe(
        v.array(v.picklist(['RS256', 'PS256', 'ES256', 'EdDSA'], 'must be RS256, PS256, ES256 or EdDSA')),
        v.nonEmpty('must hold at least one algorithm'),
      ),
    }),
  ],
  'must be hmac, standard-webhooks, header, basic or jwt',
);
export type Proof = v.InferOutput<typeof proof>;
export type JwtProof = Extract<Proof, { kind: 'jwt' }>;
export type HmacProof = Extract<Proof, { kind: 'hmac' }>;

/** Several, of which all must hold. */
export const proofs = v.pipe(v.array(proof), v.nonEmpty('must hold at least one authentication'));
