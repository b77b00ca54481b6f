/** A received request: `target` is the encoded path and query, header names are lower-case. */
export interface SandboxRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A response to send; header names are lower-case. */
export interface SandboxResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Returns a response with `value` as its JSON body. */
export function jsonResponse(status: number, value: unknown): SandboxResponse {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) };
}

/** Parses a JSON object; returns undefined if the body is not one. */
export function jsonObjectOf(body: string): unknown {
  try {
    const value = JSON.parse(body);
    return Array.isArray(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

/*
 * Error bodies in Voucherify's format: always `code` and `message`; `key`, `details`, `request_id`, `resource_id` and
 * `resource_type` where the published examples have them (Voucherify docs, API reference, Errors).
 */

/** 401 as in the published example of the Management API, the only published 401 body. */
export function unauthorized(): SandboxResponse {
  return problem(401, { message: 'Unauthorized', key: 'unauthorized' });
}

/** 404 of an unknown customer (Voucherify docs, Get Customer); it echoes the requested identifier. */
export function customerNotFound(id: string, requestId: string): SandboxResponse {
  return problem(404, {
    key: 'not_found',
    message: 'Resource not found',
    details: `Cannot find customer with id ${id}`,
    request_id: requestId,
    resource_id: id,
    resource_type: 'customer',
  });
}

/** 404 of an unknown path; it has no `key` and no `resource_type`, so it does not prove that a customer is gone. */
export function routeNotFound(): SandboxResponse {
  return problem(404, { message: 'Resource not found', details: 'No endpoint has this path.' });
}

/** 405 with the allowed methods (Voucherify docs, Errors). */
export function methodNotAllowed(method: string, allowed: readonly string[]): SandboxResponse {
  const details = `${method} is not supported by this endpoint. Did you mean ${allowed.join(' or ')}?`;
  return problem(405, { message: 'HTTP Method Not Allowed', details });
}

/** 429; its published schema has no `key` (Voucherify docs, Update Customers in bulk). */
export function tooManyRequests(): SandboxResponse {
  return problem(429, { message: 'Too many requests hit the API too quickly.' });
}

/** 429 of a used-up billing period, which ends when the plan is changed (Voucherify docs, API limits). */
export function cycleExhausted(): SandboxResponse {
  const answer = tooManyRequests();
  return { ...answer, headers: { ...answer.headers, 'x-rate-limit-type': 'api_calls_cycle' } };
}

/** 400 with one of the documented keys. */
export function badRequest(key: string, message: string, details?: string): SandboxResponse {
  return problem(400, details === undefined ? { key, message } : { key, message, details });
}

/** 406 or 415: the endpoint does not support the requested or the sent media type. */
export function wrongMediaType(status: 406 | 415, details: string): SandboxResponse {
  return problem(status, { message: status === 406 ? 'Not Acceptable' : 'Unsupported Media Type', details });
}

/** 500 with HTML, as a proxy or a maintenance page would respond; intentionally not JSON. */
export function htmlError(): SandboxResponse {
  const body = '<!doctype html><html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>';
  return { status: 500, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

function problem(code: number, rest: Readonly<Record<string, string>>): SandboxResponse {
  return jsonResponse(code, { code, ...rest });
}
