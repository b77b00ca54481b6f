import type { CallbackTarget, ErasureRequest, FinalKind, Outcome } from '../erasure.ts';
import type { Failure } from '../failure.ts';
import type { Send } from '../io/outbound.ts';

/** A request as it came over the wire, free of any AWS shape. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names; a repeated header has several values. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The exact bytes: signatures are over these. */
  readonly rawBody: Uint8Array;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What was proved about the caller: the scheme that proved it and the label of the secret that matched. */
export interface Authentication {
  readonly scheme: string;
  readonly secret: 'current' | 'previous';
}

/** What `verify` may use: the platform's own secret, the clock, and one call for a platform's public key. */
export interface VerifyContext {
  /** The text of the platform's own secret. Throws `unavailable` when it cannot be read. */
  readonly secret: () => Promise<string>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly send: Send;
}

/** What a genuine request turned out to ask for. */
export type ParsedRequest =
  | { readonly erase: readonly ErasureRequest[] }
  /** How an earlier request stands. */
  | { readonly status: Pick<ErasureRequest, 'scope' | 'reference'> }
  /** A message that asks for nothing of ours, answered with success; the reason is one of our own codes. */
  | { readonly ignore: string }
  /** A trial, answered with success; nothing is stored or deleted. */
  | { readonly test: true };

/** How one of the erasures that a request asked for stands, and the receipt that proves it. */
export interface ErasureResult {
  readonly reference: string;
  readonly receiptId: string;
  readonly outcome: Outcome;
  /** Whether an answer of ours may say that a callback will follow. */
  readonly callbackFollows: boolean;
}

/** A closed or still open erasure whose platform is to be told, and where. */
export interface CallbackNotice {
  readonly reference: string;
  readonly scope: string;
  readonly receiptId: string;
  readonly outcome: Outcome;
  readonly callbacks: readonly CallbackTarget[];
}

/** One call to the platform, as data. */
export interface CallbackRequest {
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Statuses beside 2xx that mean that the platform needs to hear no more. */
  readonly alsoDelivered: readonly number[];
}

/**
 * What the line knows of a platform. A platform does no I/O but what it is handed: `verify` loads its secret and perhaps
 * a public key, `notify` its secret; everything else is pure.
 */
export interface Platform {
  /** Whether the platform takes the result in the answer, or only an acknowledgement within seconds. */
  readonly responseMode: 'result' | 'acknowledgement';
  /** Exact origins that callbacks may go to. */
  readonly callbackOrigins: readonly string[];
  /** The projects its requests are routed to; all of them when absent. */
  readonly projects: readonly string[] | undefined;
  /** Final outcomes that its answer has no word for: they are told by callback even when the answer came after them. */
  readonly callbackOnlyOutcomes?: readonly FinalKind[];
  /** Whether `GET /webhooks/<name>/<reference>` tells how an erasure stands. */
  readonly hasStatusRoute?: true;
  /** Whether the reference is a digest of the signed body, so that a second request can have the reference of the first. */
  readonly referenceIsDigest?: true;
  /** Whether `notify` proves itself with the secret: only then may the sweep read it. */
  readonly callbacksNeedSecret?: true;
  /** Throws what `verify` throws for a secret's text that it cannot use; says nothing of any caller. */
  checkSecret(text: string): void;
  /** Proves the caller genuine over the raw bytes, before anything is parsed. Throws a {@link Failure}. */
  verify(request: HttpRequest, means: VerifyContext): Promise<Authentication>;
  /** Translates a verified request. Throws `invalid`, `forbidden`, `unimplemented` or `unsupported-media-type`. */
  parse(request: HttpRequest, proof: Authentication): ParsedRequest;
  /** The result in the platform's own words; `answered` holds one entry for each erasure that was read. */
  reply(request: HttpRequest, reading: ParsedRequest, answered: readonly ErasureResult[]): HttpReply;
  /** A refusal in the platform's own error form; only a verified request may be named in it. */
  errorReply(request: HttpRequest, failure: Failure): HttpReply;
  /** The calls that tell the platform how an erasure stands, one for each of its callbacks. */
  buildCallbacks(
    told: CallbackNotice,
    means: Pick<VerifyContext, 'secret' | 'now'>,
  ): Promise<readonly CallbackRequest[]>;
}

/** The one value of a header; `undefined` when it is missing or stands there more than once. */
export function singleHeader(request: HttpRequest, name: string): string | undefined {
  const values = request.headers.get(name.toLowerCase());
  return values?.length === 1 ? values[0] : undefined;
}

/** A JSON reply. */
export function jsonReply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** A reply that says everything by its status. */
export function emptyReply(status: number): HttpReply {
  return { status, headers: {}, body: '' };
}

/** A refusal for callers that have no error form of their own. */
export function plainErrorReply({ status, code, message, headers }: Failure): HttpReply {
  return jsonReply(status, { error: { code, message } }, headers);
}

/** Whether the body is declared to be JSON, parameters such as a charset aside (RFC 9110, section 8.3.1). */
export function isJson(request: HttpRequest): boolean {
  const type = singleHeader(request, 'content-type')?.split(';', 1)[0] ?? '';
  return type.trim().toLowerCase() === 'application/json';
}
