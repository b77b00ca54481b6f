import * as v from 'valibot';
import { matchSecret, parseSharedSecret } from '../authentication/shared-secret.ts';
import type { Outcome } from '../domain/erasure.ts';
import { Failure, type FailureCode } from '../domain/failure.ts';
import { type HttpReply, type HttpRequest, isJson, jsonReply, singleHeader } from '../domain/http.ts';
import { parseJson, parseStrictJson } from '../io/json.ts';
import {
  type Authentication,
  type CallbackNotice,
  type CallbackRequest,
  commonSettings,
  type ErasureResult,
  headerName,
  identityKinds,
  mapIdentities,
  nonEmptyStrings,
  type ParsedRequest,
  type Platform,
  parseBody,
  textOrInteger,
  type VerifyContext,
} from './platform.ts';

/** Settings of Ketch. */
export const ketchSettings = v.strictObject({
  ...commonSettings,
  header: v.optional(headerName, 'Authorization'),
  tenants: nonEmptyStrings,
  environments: nonEmptyStrings,
  identities: identityKinds,
});
export type KetchSettings = v.InferOutput<typeof ketchSettings>;

/**
 * Creates the Ketch platform. Source: ketch-com/ketch-forwarder, api/dsr/v1 (README, Delete, Status) and api/runtime/v1
 * (Error, Metadata).
 */
export function ketch(settings: KetchSettings): Platform {
  return {
    responseMode: 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    sendsAgain: hasCallbacks => !hasCallbacks,
    checkSecret: parseSharedSecret,
    verify: (request, context) => verify(request, context, settings.header),
    parse: request => parse(request, settings),
    buildCallbacks: async notice => buildCallbacks(notice),
    errorReply: (request, failure) =>
      errorReply(failure, failure.verified ? metadataOrUndefined(request, settings) : undefined),
  };
}

/** Ketch authenticates with one configured header that has one exact value. */
async function verify(request: HttpRequest, { secret }: VerifyContext, header: string): Promise<Authentication> {
  const expected = parseSharedSecret(await secret());
  const matched = matchSecret(singleHeader(request, header) ?? '', expected);
  if (matched === undefined) throw new Failure('forbidden', 'the shared secret does not match');
  return { scheme: 'shared-secret', secret: matched };
}

const contract = 'dsr/v1';

const envelope = v.object({
  apiVersion: v.literal('dsr/v1'),
  kind: v.string(),
  metadata: v.object({ uid: v.pipe(v.string(), v.uuid()), tenant: v.string() }),
});
type Metadata = v.InferOutput<typeof envelope>['metadata'];

const identity = v.object({
  identitySpace: v.string(),
  identityFormat: v.nullish(v.string()),
  identityValue: v.nullish(textOrInteger),
});
/** Header names and values that HTTP permits (RFC 9110, sections 5.1 and 5.5). With others, every callback would fail. */
const headerMap = v.record(
  v.pipe(v.string(), v.regex(/^[\w!#$%&'*+.^`|~-]+$/)),
  v.pipe(v.string(), v.regex(/^[\t\x20-\x7e\x80-\xff]*$/)),
);
/** Checked as a whole: the path to one header would contain a name from outside. */
const headers = v.custom<Readonly<Record<string, string>>>(value => v.is(headerMap, value));
/** Within the range of `Date`. Go writes a time that was never set as the seconds of the year 1. */
const seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(-8_640_000_000_000), v.maxValue(8_640_000_000_000));
const deleteRequest = v.object({
  request: v.object({
    environment: v.string(),
    identities: v.pipe(v.array(identity), v.maxLength(50)),
    callbacks: v.nullish(v.array(v.object({ url: v.string(), headers: v.nullish(headers) }))),
    submittedTimestamp: v.nullish(seconds),
    dueTimestamp: v.nullish(seconds),
  }),
});

/** Parses a DeleteRequest of a tenant and an environment that settings list. */
function parse(request: HttpRequest, settings: KetchSettings): ParsedRequest {
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const body = parseStrictJson(request.rawBody);
  const { kind, metadata } = parseBody(envelope, body, contract);
  if (!settings.tenants.includes(metadata.tenant)) throw new Failure('forbidden', 'metadata.tenant: is not configured');
  if (kind !== 'DeleteRequest') throw new Failure('unimplemented', 'kind: only DeleteRequest is supported');
  const { environment, callbacks, submittedTimestamp, dueTimestamp, ...details } = parseBody(
    deleteRequest,
    body,
    contract,
  ).request;
  if (!settings.environments.includes(environment)) {
    throw new Failure('forbidden', 'request.environment: is not configured');
  }
  // An identity without a value identifies no person; an empty format is a raw value.
  const identities = details.identities.flatMap(({ identitySpace: space, identityFormat, identityValue: value }) =>
    value === null || value === undefined ? [] : [{ space, format: identityFormat || 'raw', value }],
  );
  const erasure = {
    // The vendor's own server compares uids in lower case; its samples are in upper case.
    reference: metadata.uid.toLowerCase(),
    scope: metadata.tenant,
    identities,
    identifiers: mapIdentities(identities, settings.identities),
    callbacks: (callbacks ?? []).map(callback => ({ url: callback.url, headers: callback.headers ?? {} })),
    ...(typeof submittedTimestamp === 'number' ? { submittedAt: submittedTimestamp * 1000 } : {}),
    ...(typeof dueTimestamp === 'number' ? { dueAt: dueTimestamp * 1000 } : {}),
  };
  return { erase: [erasure], reply: ([result]) => resultReply(metadata, result) };
}

/** Returns the metadata for an error reply if its uid is one and its tenant is configured. The body may be unreadable. */
function metadataOrUndefined(request: HttpRequest, settings: KetchSettings): Metadata | undefined {
  const parsed = v.safeParse(envelope, parseJson(new TextDecoder().decode(request.rawBody))?.value);
  const isOurs = parsed.success && settings.tenants.includes(parsed.output.metadata.tenant);
  return isOurs ? parsed.output.metadata : undefined;
}

type Words = readonly [status: string, reason: string | undefined, message: string];

/** Status.md: no event follows `completed`; `in_progress` has no reason. */
const words: Readonly<Record<Outcome['kind'], Words>> = {
  erased: ['completed', 'executed', 'The customer was deleted permanently.'],
  'no-match': ['completed', 'no_match', 'No customer matches the identities.'],
  'created-later': ['completed', 'no_match', 'Every matching customer was created after the request.'],
  'not-identifiable': ['completed', 'insufficient_identification', 'No identity can be looked up.'],
  refused: ['completed', 'unknown', 'The request was refused after review.'],
  'in-progress': ['in_progress', undefined, 'Deletion in progress.'],
  'needs-review': ['in_progress', undefined, 'Deletion in progress.'],
};

/** Returns the result of the erasure (Status.md). */
function resultReply(metadata: Metadata, result: ErasureResult | undefined): HttpReply {
  if (result === undefined) throw new Failure('internal', 'there is no result');
  const response = statusOf(result.outcome, result.receiptId);
  if (response.status === 'in_progress' && !result.callbackFollows) return errorReply(notFinishedYet, metadata);
  return jsonReply(200, { apiVersion: 'dsr/v1', kind: 'DeleteResponse', metadata, response });
}

/** Builds a DeleteStatusEvent for every callback, with the headers that came with it (Delete.md, Status.md). */
function buildCallbacks(notice: CallbackNotice): readonly CallbackRequest[] {
  const { reference: uid, scope: tenant, receiptId, outcome, callbacks } = notice;
  const event = statusOf(outcome, receiptId);
  const body = JSON.stringify({ apiVersion: 'dsr/v1', kind: 'DeleteStatusEvent', metadata: { uid, tenant }, event });
  const json = { 'Content-Type': 'application/json', Accept: 'application/json' };
  return callbacks.map(({ url, headers: own }) => ({
    method: 'POST',
    url,
    headers: { ...json, ...own },
    body,
    alsoDelivered: [],
  }));
}

function statusOf(outcome: Outcome, requestID: string) {
  const [status, reason, resultMessage] = words[outcome.kind];
  const at = 'at' in outcome ? outcome.at : outcome.expectedAt;
  return {
    status,
    reason,
    resultMessage,
    // The text calls it optional; the vendor's Go server rejects a response without it.
    expectedCompletionTimestamp: Math.floor(at / 1000),
    requestID,
  };
}

/** Without callbacks, nothing could complete an `in_progress`. After a 503, Ketch sends the request again. */
export const notFinishedYet = new Failure('unavailable', 'not finished yet, send the request again', {
  verified: true,
});

const errorWords: Readonly<Record<FailureCode, string>> = {
  invalid: 'invalid',
  unauthorized: 'forbidden',
  forbidden: 'forbidden',
  'not-found': 'not_found',
  'method-not-allowed': 'invalid',
  conflict: 'conflict',
  'too-large': 'invalid',
  'unsupported-media-type': 'invalid',
  internal: 'internal',
  unimplemented: 'unimplemented',
  unavailable: 'unavailable',
};

/** Returns a failure in Ketch's format (Error.md). `metadata` is absent until the caller is authenticated. */
function errorReply(failure: Failure, metadata: Metadata | undefined): HttpReply {
  const error = { code: failure.status, status: errorWords[failure.code], message: failure.message };
  const body = { apiVersion: 'dsr/v1', kind: 'Error', ...(metadata && { metadata }), error };
  return jsonReply(failure.status, body, failure.headers);
}
