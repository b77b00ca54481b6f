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

/** Whether the body is declared to be JSON, parameters such as a charset aside (RFC 9110, section 8.3.1). */
export function isJson(request: HttpRequest): boolean {
  const type = singleHeader(request, 'content-type')?.split(';', 1)[0] ?? '';
  return type.trim().toLowerCase() === 'application/json';
}
