import { isAllowedOrigin } from '../domain/http.ts';
import { type HttpResult, retryAfterMs, type Send } from '../io/http-client.ts';
import type { CallbackRequest } from '../platforms/platform.ts';

/** The result for one target. `retry` may name the earliest time of the next try, in epoch milliseconds. */
export type CallbackDelivery =
  | { readonly kind: 'delivered' | 'refused' }
  | { readonly kind: 'retry'; readonly notBefore?: number };

export interface SendCallbackOptions {
  /** Sends only to checked addresses, follows no redirect, and reads little of the response. */
  readonly send: Send;
  readonly origins: readonly string[];
  readonly now: () => number;
  readonly until: number;
}

/** Sends one callback. Delivery is at least once: a lost response leads to a retry. Never throws. */
export async function sendCallback(
  callback: CallbackRequest,
  { send, origins, now, until }: SendCallbackOptions,
): Promise<CallbackDelivery> {
  // The allowed origins in settings may have changed since the request was accepted.
  if (!isAllowedOrigin(callback.url, origins)) return { kind: 'refused' };
  const { method, url, headers, body } = callback;
  const allHeaders = { ...endToEndHeaders(headers), 'Content-Length': String(Buffer.byteLength(body)) };
  const call = { method, url: new URL(url), headers: allHeaders, body, until, repeatable: true };
  const result = await send(call);
  if (result.kind === 'answer' && result.status === 401) callback.dropToken?.();
  return readDelivery(result, callback, now());
}

/** Headers that a request may not set: `Host` alone could bypass the origin check (RFC 9110). */
const connectionHeaders: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function endToEndHeaders(headers: CallbackRequest['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !connectionHeaders.includes(name.toLowerCase())),
  );
}

/** 2xx means delivered, 404 and 410 mean that the target does not exist, everything else is retried. */
function readDelivery(
  result: HttpResult,
  { alsoDelivered, alsoRefused = [] }: CallbackRequest,
  now: number,
): CallbackDelivery {
  if (result.kind === 'no-answer') return { kind: 'retry' };
  const { status } = result;
  if ((status >= 200 && status < 300) || alsoDelivered.includes(status)) return { kind: 'delivered' };
  if (status === 404 || status === 410 || alsoRefused.includes(status)) return { kind: 'refused' };
  const waitMs = retryAfterMs(result);
  return waitMs === undefined ? { kind: 'retry' } : { kind: 'retry', notBefore: now + waitMs };
}
