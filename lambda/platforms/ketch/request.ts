import * as v from 'valibot';
import type { ErasureRequest, Identifier } from '../../domain/erasure.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, isJson } from '../../domain/http.ts';
import { parseJson, parseStrictJson } from '../../io/json.ts';
import { commonSettings, headerName, identityKinds, nonEmptyStrings } from '../common-settings.ts';
import { type ParsedRequest, parseBody } from '../platform.ts';

/** What settings say of Ketch. */
export const ketchSettings = v.strictObject({
  ...commonSettings,
  header: v.optional(headerName, 'Authorization'),
  tenants: nonEmptyStrings,
  environments: nonEmptyStrings,
  identities: identityKinds,
});
export type KetchSettings = v.InferOutput<typeof ketchSettings>;

const contract = 'dsr/v1';

const envelope = v.object({
  apiVersion: v.literal('dsr/v1'),
  kind: v.string(),
  metadata: v.object({ uid: v.pipe(v.string(), v.uuid()), tenant: v.string() }),
});
export type KetchMetadata = v.InferOutput<typeof envelope>['metadata'];

const identities = v.pipe(
  v.array(
    v.object({ identitySpace: v.string(), identityFormat: v.optional(v.string(), 'raw'), identityValue: v.string() }),
  ),
  v.maxLength(50),
);
/** What HTTP can carry (RFC 9110, sections 5.1 and 5.5): a header that cannot be sent would fail every callback. */
const headerMap = v.record(
  v.pipe(v.string(), v.regex(/^[\w!#$%&'*+.^`|~-]+$/)),
  v.pipe(v.string(), v.regex(/^[\t\x20-\x7e\x80-\xff]*$/)),
);
/** As a whole: the path to one of them would show a name that came from outside. */
const headers = v.custom<Readonly<Record<string, string>>>(value => v.is(headerMap, value));
/** As far as a `Date` reaches; Go writes a time that was never set as the seconds of the year 1. */
const seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(-8_640_000_000_000), v.maxValue(8_640_000_000_000));
const deleteRequest = v.object({
  request: v.object({
    environment: v.string(),
    identities,
    callbacks: v.optional(v.array(v.object({ url: v.string(), headers: v.optional(headers, {}) })), []),
    submittedTimestamp: v.exactOptional(seconds),
    dueTimestamp: v.exactOptional(seconds),
  }),
});
type DeleteRequest = v.InferOutput<typeof deleteRequest>['request'];

/** Translates a DeleteRequest of a tenant and an environment that settings list. */
export function parseKetchRequest(request: HttpRequest, settings: KetchSettings): ParsedRequest {
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const body = parseStrictJson(request.rawBody);
  const { kind, metadata } = parseBody(envelope, body, contract);
  if (!settings.tenants.includes(metadata.tenant)) throw new Failure('forbidden', 'metadata.tenant: is not configured');
  if (kind !== 'DeleteRequest') throw new Failure('unimplemented', 'kind: only DeleteRequest is supported');
  const details = parseBody(deleteRequest, body, contract).request;
  if (!settings.environments.includes(details.environment)) {
    throw new Failure('forbidden', 'request.environment: is not configured');
  }
  return { erase: [erasure(metadata, details, settings.identities)] };
}

/** The metadata of a request that was read before. */
export function metadataOf(request: HttpRequest): KetchMetadata {
  return parseBody(envelope, parseStrictJson(request.rawBody), contract).metadata;
}

/** Uids are compared in lower case: the vendor's own server lower-cases them, its samples do not. */
function erasure(metadata: KetchMetadata, details: DeleteRequest, kinds: KetchSettings['identities']): ErasureRequest {
  const { submittedTimestamp, dueTimestamp } = details;
  return {
    reference: metadata.uid.toLowerCase(),
    scope: metadata.tenant,
    identities: details.identities.map(({ identitySpace: space, identityFormat: format, identityValue: value }) => ({
      space,
      format,
      value,
    })),
    identifiers: identifiers(details.identities, kinds),
    callbacks: details.callbacks,
    ...(submittedTimestamp === undefined ? {} : { submittedAt: submittedTimestamp * 1000 }),
    ...(dueTimestamp === undefined ? {} : { dueAt: dueTimestamp * 1000 }),
  };
}

/**
 * The identities of mapped spaces. A hash identifies nobody: it is an unusable identifier without a value, unless its space
 * has a value in clear as well.
 */
function identifiers(sent: DeleteRequest['identities'], kinds: KetchSettings['identities']): Identifier[] {
  const inClear = new Set(sent.filter(isInClear).map(({ identitySpace }) => identitySpace));
  return sent.flatMap(identity => {
    const { identitySpace: space, identityValue: value } = identity;
    const kind = Object.hasOwn(kinds, space) ? kinds[space] : undefined;
    if (kind === undefined || (!isInClear(identity) && inClear.has(space))) return [];
    return [{ kind, value: isInClear(identity) ? value : '' }];
  });
}

function isInClear({ identityFormat }: DeleteRequest['identities'][number]): boolean {
  return identityFormat === 'raw';
}

/** What a refusal may name: a uid that is one, and a tenant that is ours. */
export function metadataOrUndefined(request: HttpRequest, settings: KetchSettings): KetchMetadata | undefined {
  const text = new TextDecoder().decode(request.rawBody);
  const parsed = v.safeParse(envelope, parseJson(text)?.value);
  return parsed.success && settings.tenants.includes(parsed.output.metadata.tenant)
    ? parsed.output.metadata
    : undefined;
}
