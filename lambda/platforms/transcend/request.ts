import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { es384Key } from '../../authentication/signed-token.ts';
import type { ErasureRequest, Identifier, Identity } from '../../domain/erasure.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import { parseStrictJson } from '../../io/json.ts';
import { commonSettings, headerName, identityKinds, isOrigin } from '../common-settings.ts';
import { type ParsedRequest, parseBody, parseTime } from '../platform.ts';

/** What settings say of Transcend. */
export const transcendSettings = v.strictObject({
  projects: commonSettings.projects,
  /** The organisation's uri, which Sombra makes its tokens out to. */
  audience: v.pipe(v.string(), v.nonEmpty('must not be empty')),
  sombraUrl: v.pipe(
    v.string(),
    v.check(isOrigin, 'must be an origin such as https://multi-tenant.sombra.transcend.io'),
  ),
  header: v.optional(headerName, 'x-webhook-secret'),
  /** What identifiers are in Voucherify, by the name that Transcend gives their type; `coreIdentifier` among them. */
  identities: identityKinds,
  /** Sombra's public signing key, for those who would rather pin it than fetch it. */
  publicKey: v.exactOptional(
    v.pipe(
      v.string(),
      v.check(pem => es384Key(pem) !== undefined, 'must be the PEM text of a P-384 public key'),
    ),
  ),
});
export type TranscendSettings = v.InferOutput<typeof transcendSettings>;

const contract = 'new-privacy-request-job';

const core = v.object({ coreIdentifier: v.object({ value: v.string() }) });
const envelope = v.object({ type: v.string(), isTest: v.nullish(v.boolean(), false) });
const text = v.pipe(v.string(), v.minLength(1), v.maxLength(512));
const job = v.object({
  extras: v.object({
    profile: v.object({ identifier: v.string(), type: text }),
    request: v.object({ id: text, createdAt: v.optional(v.unknown()) }),
  }),
});

/** The one value of the body that Sombra's token vouches for. */
export function coreIdentifierOf(request: HttpRequest): string {
  return parseBody(core, parseStrictJson(request.rawBody), contract).coreIdentifier.value;
}

/** Translates a job; the vendor's own example answers 400 to a type that it does not serve. */
export function parseTranscendRequest(request: HttpRequest, settings: TranscendSettings): ParsedRequest {
  const body = parseStrictJson(request.rawBody);
  const { type, isTest } = parseBody(envelope, body, contract);
  if (type !== 'ERASURE') throw new Failure('invalid', 'type: only ERASURE is supported');
  if (isTest) return { test: true };
  const nonce = singleHeader(request, 'x-transcend-nonce');
  if (nonce === undefined) throw new Failure('invalid', 'x-transcend-nonce: is missing');
  const { extras } = parseBody(job, body, contract);
  return { erase: [erasure(extras, coreIdentifierOf(request), nonce, settings)] };
}

/** One call is one identifier of a request; each is answered, and completed with its own nonce. */
function erasure(
  { profile, request }: v.InferOutput<typeof job>['extras'],
  coreIdentifier: string,
  nonce: string,
  { audience, sombraUrl, identities: kinds }: TranscendSettings,
): ErasureRequest {
  const own = { space: profile.type, format: 'raw', value: profile.identifier };
  const signed = { space: 'coreIdentifier', format: 'raw', value: coreIdentifier };
  const identities = isSame(own, signed) ? [signed] : [own, signed];
  const submittedAt = parseTime(request.createdAt);
  return {
    reference: `${request.id}:${profile.type}:${createHash('sha256').update(profile.identifier).digest('hex')}`,
    scope: audience,
    identities,
    identifiers: identities.flatMap(identity => identifier(identity, kinds)),
    callbacks: [{ url: `${sombraUrl}/v1/data-silo`, headers: { 'x-transcend-nonce': nonce } }],
    ...(submittedAt === undefined ? {} : { submittedAt }),
  };
}

function isSame(a: Identity, b: Identity): boolean {
  return a.space === b.space && a.value === b.value;
}

function identifier({ space, value }: Identity, kinds: TranscendSettings['identities']): Identifier[] {
  const kind = Object.hasOwn(kinds, space) ? kinds[space] : undefined;
  return kind === undefined ? [] : [{ kind, value }];
}
