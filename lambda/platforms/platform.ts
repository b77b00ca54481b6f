import { isIP } from 'node:net';
import * as v from 'valibot';
import type { CallbackTarget, ErasureRequest, FinalKind, Identity, Outcome } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { emptyReply, type HttpReply, type HttpRequest, jsonReply, loopbackOrigin } from '../domain/http.ts';
import type { Identifier, IdentifierKind } from '../domain/identifiers.ts';
import type { HttpCall, Send } from '../io/http-client.ts';
import { listOf, oneOf, textLike, wholeNumber } from '../io/setting-schemas.ts';

/** How the caller was authenticated: by which scheme, and which value of the secret matched. */
export interface Authentication {
  readonly scheme: string;
  readonly secret: 'current' | 'previous';
}

/** The dependencies of `verify`: the platform's secret, the clock, and HTTP for a platform's public key. */
export interface VerifyContext {
  /** Reads the platform's secret. Throws `unavailable` if it cannot be read. */
  readonly secret: () => Promise<string>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly send: Send;
  /** Connects only to public addresses. */
  readonly sendPublic: Send;
}

/** The dependencies of a call to the platform. */
export type CallContext = Pick<VerifyContext, 'secret' | 'now' | 'sendPublic'>;

/** The content of an authenticated request, and its reply. */
export type ParsedRequest = (
  | {
      readonly erase: readonly ErasureRequest[];
      /** Earlier erasures that the platform withdraws. */
      readonly withdraw?: readonly Pick<ErasureRequest, 'scope' | 'reference'>[];
      /** Rules by which other parts of the request could not be read. Each raises an alarm. */
      readonly unreadable?: readonly string[];
    }
  /** Requests the status of an earlier erasure. */
  | { readonly status: Pick<ErasureRequest, 'scope' | 'reference'> }
  /** Requests nothing of this service. The reason is a code of this service. */
  | { readonly ignore: string }
  /** A test: nothing is stored or deleted. */
  | { readonly test: true }
) & {
  /** Returns the reply in the platform's format, with one result for each erasure, known withdrawal or status. */
  readonly reply: (results: readonly ErasureResult[]) => HttpReply;
  /** Whether a part of the request, or all of it, asked nothing of this service. It is counted. */
  readonly hasIgnored?: boolean;
  /** A rule that an executed request violates. It raises an alarm. */
  readonly violation?: string;
};

/** The result of one requested erasure so far, and the receipt that proves it. */
export interface ErasureResult {
  readonly reference: string;
  readonly receiptId: string;
  readonly outcome: Outcome;
  /** When the request first arrived, in epoch milliseconds. */
  readonly receivedAt: number;
  /** Whether the reply may say that a callback will follow. */
  readonly callbackFollows: boolean;
}

/** An erasure whose outcome is sent to the platform, and the targets. */
export interface CallbackNotice {
  readonly reference: string;
  readonly scope: string;
  readonly receiptId: string;
  readonly outcome: Outcome;
  /** When the request first arrived, in epoch milliseconds. */
  readonly receivedAt: number;
  readonly callbacks: readonly CallbackTarget[];
}

interface DropToken {
  /** Called after a 401, if the call has an access token. */
  readonly dropToken?: () => void;
}

/** One call to the platform. */
export interface CallbackRequest extends DropToken {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Statuses other than 2xx that mean that no further call is needed. */
  readonly alsoDelivered: readonly number[];
  /** Statuses other than 404 and 410 that mean that the platform will never accept the call. */
  readonly alsoRefused?: readonly number[];
}

/** The orders of one page, as {@link ParsedRequest} has them. */
export interface PulledPage {
  readonly erase: readonly ErasureRequest[];
  /** Rules by which other orders could not be read. Each raises an alarm. */
  readonly unreadable: readonly string[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string;
}

/** How a platform that does not call is asked for its orders. */
export interface OrderPull {
  /** Time from one pull to the next, in milliseconds. */
  readonly everyMs: number;
  readonly maxPages: number;
  /** Builds the call for the first page, or for the one that a cursor names. Throws `unavailable` for an unusable secret. */
  buildCall(
    context: CallContext,
    cursor?: string,
  ): Promise<Pick<HttpCall, 'method' | 'url' | 'headers' | 'body'> & DropToken>;
  /** Parses a page. Throws `invalid` or `too-large` if it is no list of orders. */
  parsePage(body: string, cursor?: string): PulledPage;
}

/** The contract of a platform. Apart from `verify`, which may fetch a public key, it performs no I/O. */
export interface Platform {
  /** Whether the platform expects the result in the reply, or only an acknowledgement within seconds. */
  readonly responseMode: 'result' | 'acknowledgement';
  /** Exact origins that callbacks may be sent to. */
  readonly callbackOrigins: readonly string[];
  /** The projects that requests are routed to; all of them if absent. */
  readonly projects: readonly string[] | undefined;
  /** How long an erasure waits after it was accepted before anything is looked up, in seconds; absent: as in `limits`. */
  readonly delaySeconds?: number;
  /** Final outcomes that the reply cannot express. They are sent by callback even if the reply came after them. */
  readonly callbackOnlyOutcomes?: readonly FinalKind[];
  /** Returns whether the platform learns that no customer was deleted, and why. By default, if it expects a result. */
  readonly tells?: (kind: 'not-identifiable' | 'created-later', hasCallbacks: boolean) => boolean;
  /** Returns whether the reply to an unfinished erasure is an error, after which the platform sends the request again. */
  readonly sendsAgain?: (hasCallbacks: boolean) => boolean;
  /** Whether `GET /webhooks/<name>/<reference>` returns the status of an erasure. */
  readonly hasStatusRoute?: boolean;
  /** Whether `DELETE /webhooks/<name>/<reference>` withdraws an erasure. */
  readonly hasWithdrawalRoute?: boolean;
  /** Whether the reference is a digest of the signed body, so that a second request can have the reference of the first. */
  readonly referenceIsDigest?: boolean;
  /** Whether callbacks or pulls are authenticated with the secret. Only then may the sweep read it. */
  readonly sweepNeedsSecret?: boolean;
  /** Set if the platform is asked for its orders. */
  readonly pull?: OrderPull;
  /** Whether the platform never calls, so that it has no route. */
  readonly isPullOnly?: boolean;
  /** Throws what `verify` throws for an unusable secret. */
  checkSecret(text: string): void;
  /** Authenticates the caller from the raw bytes, before anything is parsed. Throws a {@link Failure}. */
  verify(request: HttpRequest, context: VerifyContext): Promise<Authentication>;
  /** Parses an authenticated request. Throws `invalid`, `forbidden`, `unimplemented` or `unsupported-media-type`. */
  parse(request: HttpRequest): ParsedRequest;
  /** Returns a failure in the platform's own format. It may contain values of the request only after authentication. */
  errorReply?(request: HttpRequest, failure: Failure): HttpReply;
  /** Builds the calls that send an outcome to the platform, one for each target. */
  buildCallbacks(notice: CallbackNotice, context: CallContext): Promise<readonly CallbackRequest[]>;
}

type AcknowledgedRequest = Pick<Extract<ParsedRequest, { erase: unknown }>, 'erase' | 'unreadable' | 'violation'>;

interface AcknowledgingPlatform extends Pick<Platform, 'projects' | 'checkSecret' | 'verify' | 'referenceIsDigest'> {
  parse(request: HttpRequest): AcknowledgedRequest | { readonly ignore: string };
}

/** Creates a platform that expects an empty 200 within seconds and takes no callbacks. */
export function acknowledgingPlatform(platform: AcknowledgingPlatform): Platform {
  return {
    ...platform,
    responseMode: 'acknowledgement',
    callbackOrigins: [],
    parse: request => ({ ...platform.parse(request), reply: () => emptyReply(200) }),
    buildCallbacks: async () => [],
  };
}

/** Returns a failure for callers whose platform has no error format of its own. */
export function plainErrorReply({ status, code, message, headers }: Failure): HttpReply {
  return jsonReply(status, { error: { code, message } }, headers);
}

/**
 * Maps identities to identifiers by their space. A hash cannot be looked up: it becomes an unusable identifier without a
 * value, unless its space has a raw value too.
 */
export function mapIdentities(
  identities: readonly Identity[],
  kinds: Readonly<Record<string, IdentifierKind | undefined>>,
): Identifier[] {
  const isRaw = ({ format }: Identity) => format === 'raw';
  const rawSpaces = new Set(identities.filter(isRaw).map(({ space }) => space));
  return identities.flatMap(identity => {
    const kind = Object.hasOwn(kinds, identity.space) ? kinds[identity.space] : undefined;
    if (kind === undefined || (!isRaw(identity) && rawSpaces.has(identity.space))) return [];
    return [{ kind, value: isRaw(identity) ? identity.value : '' }];
  });
}

/** Parses the fields that a contract requires. Throws `invalid`, which names the first wrong field but not its value. */
export function parseBody<S extends v.GenericSchema>(schema: S, body: unknown, contract: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, body, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const field = v.getDotPath(parsed.issues[0]) ?? 'body';
  throw new Failure('invalid', `${field}: is missing or does not match ${contract}`);
}

/** The id of a person in JSON: text or a whole number. A number of any size keeps its exact digits. */
export const textOrInteger = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.safeInteger()), v.bigint()]),
  v.transform(String),
);

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** Returns an RFC 3339 time in epoch milliseconds, or `undefined` for anything else, including a time without a zone. */
export function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !rfc3339.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

/** Settings that every platform with callbacks has. */
export const commonSettings = {
  /** Names of the projects that requests are routed to; all of them if absent. */
  projects: v.optional(v.pipe(v.array(v.string()), v.nonEmpty('must name at least one project'))),
  /** Exact origins that callbacks may be sent to: `https://host`, and in a local run also `http://127.0.0.1:port`. */
  callbackOrigins: v.optional(
    v.array(v.pipe(v.string(), v.check(isCallbackOrigin, 'must be an origin such as https://host'))),
    [],
  ),
  /** How long an erasure waits after it was accepted, in seconds; `limits.delaySeconds` if absent. */
  delaySeconds: v.exactOptional(wholeNumber(0, 30 * 86_400)),
};

export const nonEmptyStrings = listOf(v.pipe(v.string(), v.nonEmpty('must not be empty')), 'entry');

export const headerName = textLike(/^[A-Za-z0-9-]+$/, 'must be a header name');

export const identityKind = oneOf(['customer_id', 'source_id', 'email', 'phone']);

/** Maps the platform's identity spaces to kinds of identifiers. */
export const identityKinds = v.record(v.string(), identityKind);

/** `URL` also takes host names that no server can have, such as `}`. An IPv6 address is in brackets. */
const httpsOrigin = /^https:\/\/([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/;

/** Returns whether a text is exactly an origin without a path: https, or http on a loopback address. */
export function isOrigin(text: string): boolean {
  return (httpsOrigin.test(text) || loopbackOrigin.test(text)) && URL.parse(text)?.origin === text;
}

/** Callback URLs come from requests: they may lead only to port 443 of a host name. */
function isCallbackOrigin(text: string): boolean {
  if (loopbackOrigin.test(text)) return true;
  if (!isOrigin(text)) return false;
  const { hostname, port } = new URL(text);
  return port === '' && isIP(hostname.replaceAll(/[[\]]/g, '')) === 0;
}
