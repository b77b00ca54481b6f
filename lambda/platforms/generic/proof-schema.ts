import * as v from 'valibot';
import { listOf, oneOf, textLike, wholeNumber } from '../../io/setting-schemas.ts';
import { headerName } from '../platform.ts';
import { hasOnly, templateOf, variablesIn } from './template.ts';

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

/** The literal text before and after a variable. */
type Frame = readonly [before: string, after: string];

/** The form of a header with signatures: one, or a list of parts. */
interface SignatureForm {
  readonly separator: string | undefined;
  readonly signature: Frame;
  readonly timestamp?: Frame;
}

/**
 * Parses the form of a header in settings. Returns `undefined` if a header could be read in two ways: each part of the form
 * has one variable, and `{timestamp}` is in a list and begins differently than `{signature}`.
 */
export function signatureForm(settings: { readonly value: string; readonly separator?: string }) {
  const { value, separator } = settings;
  const frames = partsOf(value, separator).flatMap(framesOf);
  const [signature, timestamp] = ['signature', 'timestamp'].map(name => frames.find(([one]) => one === name)?.[1]);
  const known = [signature, timestamp].filter(frame => frame !== undefined);
  if (signature === undefined || frames.length > known.length) return undefined;
  if (timestamp === undefined) return { separator, signature };
  const [one, other] = [signature[0], timestamp[0]];
  return one.startsWith(other) || other.startsWith(one) ? undefined : { separator, signature, timestamp };
}

/** Returns each variable of a part with its frame. A part without a variable gets one without a name, which no form has. */
function framesOf(part: string): readonly (readonly [name: string, frame: Frame])[] {
  const [template, names] = [templateOf(part), variablesIn(part)];
  const at = template.findIndex(one => typeof one !== 'string');
  const frame: Frame = [template.slice(0, at).join(''), template.slice(at + 1).join('')];
  return (names.length === 0 ? [''] : names).map(name => [name, frame]);
}

/**
 * Reads a header. Parts in another form, such as another version, are skipped, and two times are none. The caller may have
 * invented all of it.
 */
export function readSignatures(header: string, form: SignatureForm | undefined) {
  const parts = partsOf(header, form?.separator);
  const inside = (frame: Frame | undefined) => parts.flatMap(part => (frame === undefined ? [] : within(part, frame)));
  const [timestamp, ...others] = inside(form?.timestamp);
  return { signatures: inside(form?.signature), timestamp: others.length === 0 ? timestamp : undefined };
}

function partsOf(text: string, separator: string | undefined): readonly string[] {
  return separator === undefined ? [text] : text.split(separator).map(part => part.trim());
}

function within(part: string, [before, after]: Frame): readonly string[] {
  const isFramed = part.startsWith(before) && part.endsWith(after);
  return isFramed ? [part.slice(before.length, part.length - after.length)] : [];
}
