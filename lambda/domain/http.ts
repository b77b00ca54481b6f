import { Failure } from './failure.ts';

/** An HTTP request as received, independent of AWS event formats. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  /** The address that the sender called, for signatures that cover it; absent if it has a query or is unknown. */
  readonly url?: string;
  /** Names are in lower case. A repeated header has several values. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The exact bytes received: signatures cover these. */
  readonly rawBody: Uint8Array;
  /** When the gateway received the request, in epoch milliseconds: the clock of an instance may be wrong after a freeze. */
  readonly receivedAt?: number;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Returns the value of a header, or `undefined` if it is missing or repeated. */
export function singleHeader(request: HttpRequest, name: string): string | undefined {
  const values = request.headers.get(name.toLowerCase());
  return values?.length === 1 ? values[0] : undefined;
}

/** Throws `unsupported-media-type` for a compressed body: no supported platform sends one. */
export function rejectCompressed(request: HttpRequest): void {
  const encodings = request.headers.get('content-encoding') ?? [];
  if (encodings.every(encoding => /^(identity)?$/i.test(encoding.trim()))) return;
  throw new Failure('unsupported-media-type', 'Content-Encoding: must be identity');
}

/** Returns a reply with a JSON body. */
export function jsonReply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** Returns a reply without a body. */
export function emptyReply(status: number): HttpReply {
  return { status, headers: {}, body: '' };
}

/**
 * Returns whether the content type is JSON or based on it (RFC 6839, section 3.1), ignoring parameters such as charset
 * (RFC 9110, section 8.3.1).
 */
export function isJson(request: HttpRequest): boolean {
  const type = singleHeader(request, 'content-type')?.split(';', 1)[0] ?? '';
  return /^application\/([\w.-]+\+)?json$/i.test(type.trim());
}

/**
 * Returns whether a callback may be sent to this URL: its origin must be one of those in settings. The parsed origin is
 * compared, because a comparison of text can be tricked into another host. A URL with user info does not start with its
 * origin, nor does a `blob:` URL.
 */
export function isAllowedOrigin(url: string, origins: readonly string[]): boolean {
  const parsed = URL.parse(url);
  return parsed?.href.startsWith(`${parsed.origin}/`) === true && origins.includes(parsed.origin);
}

/** The only origin that plain HTTP may be sent to, and only in a local run. */
export const loopbackOrigin = /^http:\/\/127\.0\.0\.1:\d{1,5}$/;
