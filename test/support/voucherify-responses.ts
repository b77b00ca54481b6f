import type { HttpCall, HttpResult, Send } from '../../lambda/io/http-client.ts';
import { type CallResult, classify } from '../../lambda/voucherify/responses.ts';

type Response = Extract<HttpResult, { kind: 'response' }>;

const now = Date.UTC(2026, 10, 24, 12);

/** Returns a response. A string is sent as it is, everything else as JSON. */
export function response(status: number, body: unknown, headers: Response['headers'] = {}): Response {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'response', status, headers, body: text };
}

/** A call whose connection was lost, before or after it was executed. */
export function lost(mayHaveExecuted: boolean): HttpResult {
  return { kind: 'no-response', code: 'connection-lost', mayHaveExecuted };
}

/** The outcome of a call with this response. */
export function outcome(status: number, body: unknown, headers: Response['headers'] = {}): CallResult['outcome'] {
  return classify(response(status, body, headers), now).outcome;
}

/** Voucherify's 404 for an unknown customer (voucherify docs, Errors). */
export const notFound = {
  code: 404,
  key: 'not_found',
  message: 'Resource not found',
  details: 'Cannot find customer with id somebody@example.com',
  request_id: 'v-0123456789',
  resource_id: 'somebody@example.com',
  resource_type: 'customer',
};

export const pin = 'cust_0000000000000000000000A1';

/** The documented response to a permanent deletion. */
export const done = {
  id: 'del_0000000000000000000000B2',
  created_at: '2026-11-24T12:00:00.000Z',
  related_object_id: pin,
  related_object: 'customer',
  status: 'DONE',
  data_json: { events: 16, customer_events: 28, daily_events: 0, segments: 0, orders: 9, order_events: 5, customer: 1 },
  object: 'pernament_deletion',
};

export const html = '<!doctype html><html><body>DONE</body></html>';

/** A client that returns these results in turn and records its calls. */
export function scripted(...answers: readonly HttpResult[]): { send: Send; calls: HttpCall[] } {
  const calls: HttpCall[] = [];
  const send: Send = async call => {
    calls.push(call);
    const next = answers[calls.length - 1];
    if (next === undefined) throw new Error(`call ${calls.length} was not expected: ${call.method} ${call.url.href}`);
    return next;
  };
  return { send, calls };
}
