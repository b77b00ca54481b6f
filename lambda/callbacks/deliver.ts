import type { HttpResult, Send } from '../io/outbound.ts';
import type { CallbackRequest } from '../platforms/platform.ts';
import { isAllowedOrigin } from './allowed-origin.ts';

/** What one target made of it. `retry` may name the earliest time to come back, in epoch milliseconds. */
export type CallbackDelivery =
  | { readonly kind: 'delivered' | 'refused' }
  | { readonly kind: 'retry'; readonly notBefore?: number };

export interface SendCallbackOptions {
  /** Sends only to addresses that were checked, follows no redirect, and reads little of the answer. */
  readonly send: Send;
  readonly origins: readonly string[];
  readonly now: () => number;
  readonly until: number;
}

/** Sends one callback, at least once in all: an answer that was lost is asked for again. Never throws. */
export async function sendCallback(
  callback: CallbackRequest,
  { send, origins, now, until }: SendCallbackOptions,
): Promise<CallbackDelivery> {
  // Settings may have changed since it was accepted.
  if (!isAllowedOrigin(callback.url, origins)) return { kind: 'refused' };
  const { method, url, headers, body } = callback;
  const framed = { ...carried(headers), 'Content-Length': String(Buffer.byteLength(body)) };
  const call = { method, url: new URL(url), headers: framed, body, until, repeatable: true };
  return judged(await send(call), callback, now());
}

/** Headers of the connection itself. A request has no say in them: `Host` alone would lead past the origin (RFC 9110). */
const ofTheConnection: readonly string[] = [
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

function carried(headers: CallbackRequest['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofTheConnection.includes(name.toLowerCase())));
}

/** 2xx is delivered; 404 and 410 say that there is nobody to tell; everything else is asked again. */
function judged(result: HttpResult, { alsoDelivered }: CallbackRequest, now: number): CallbackDelivery {
  if (result.kind === 'no-answer') return { kind: 'retry' };
  const { status, headers } = result;
  if ((status >= 200 && status < 300) || alsoDelivered.includes(status)) return { kind: 'delivered' };
  if (status === 404 || status === 410) return { kind: 'refused' };
  const seconds = headers['retry-after'] ?? '';
  return /^\d{1,7}$/.test(seconds) ? { kind: 'retry', notBefore: now + Number(seconds) * 1000 } : { kind: 'retry' };
}
