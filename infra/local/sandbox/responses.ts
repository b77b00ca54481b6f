/** A request as it came over the wire: `target` is path and query still encoded, header names are lower-case. */
export interface SandboxRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer ready for the wire; header names are lower-case. */
export interface SandboxAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer whose body is `value` as JSON. */
export function jsonAnswer(status: number, value: unknown): SandboxAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) };
}

/** The JSON object of a body, or undefined where it is not one. */
export function jsonObjectOf(body: string): unknown {
  try {
    const value = JSON.parse(body);
    return Array.isArray(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

/*
 * The error bodies, in Voucherify's form: `code` and `message` always, `key`, `details`, `request_id`, `resource_id`
 * and `resource_type` where the published examples carry them (Voucherify docs, API reference, Errors).
 */

/** 401 of the Management API's published example; no other 401 body is published. */
export function unauthorized(): SandboxAnswer {
  return problem(401, { message: 'Unauthorized', key: 'unauthorized' });
}

/** 404 of an unknown customer (Voucherify docs, Get Customer); it echoes the identifier that was asked for. */
export function customerNotFound(id: string, requestId: string): SandboxAnswer {
  return problem(404, {
    key: 'not_found',
    message: 'Resource not found',
    details: `Cannot find customer with id ${id}`,
    request_id: requestId,
    resource_id: id,
    resource_type: 'customer',
  });
}

/** 404 of a path that is no endpoint; it bears neither `key` nor `resource_type`, so it proves nothing of a customer. */
export function routeNotFound(): SandboxAnswer {
  return problem(404, { message: 'Resource not found', details: 'No endpoint has this path.' });
}

/** 405 with the hint at the methods that would work (Voucherify docs, Errors). */
export function methodNotAllowed(method: string, allowed: readonly string[]): SandboxAnswer {
  const details = `${method} is not supported by this endpoint. Did you mean ${allowed.join(' or ')}?`;
  return problem(405, { message: 'HTTP Method Not Allowed', details });
}

/** 429; its published schema has no `key` (Voucherify docs, Update Customers in bulk). */
export function tooManyRequests(): SandboxAnswer {
  return problem(429, { message: 'Too many requests hit the API too quickly.' });
}

/** 400 with one of the documented keys. */
export function badRequest(key: string, message: string, details?: string): SandboxAnswer {
  return problem(400, details === undefined ? { key, message } : { key, message, details });
}

/** 406 or 415: a header asks for, or announces, another media type than the endpoint speaks. */
export function wrongMediaType(status: 406 | 415, details: string): SandboxAnswer {
  return problem(status, { message: status === 406 ? 'Not Acceptable' : 'Unsupported Media Type', details });
}

/** 500 in HTML, as a proxy or a maintenance window would answer; it is not JSON on purpose. */
export function htmlError(): SandboxAnswer {
  const body = '<!doctype html><html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>';
  return { status: 500, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

function problem(code: number, rest: Readonly<Record<string, string>>): SandboxAnswer {
  return jsonAnswer(code, { code, ...rest });
}
