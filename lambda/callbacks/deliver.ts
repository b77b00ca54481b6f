import type { OutboundResult, Send } from '../io/outbound.ts';
import type { Callback } from '../platforms/platform.ts';
import { isAllowedOrigin } from './allowed-origin.ts';

/** What one target made of it. `later` may name the earliest time to come back, in epoch milliseconds. */
export type Delivery =
  | { readonly kind: 'delivered' | 'refused' }
  | { readonly kind: 'later'; readonly notBefore?: number };

export interface Post {
  /** Sends only to addresses that were checked, follows no redirect, and reads little of the answer. */
  readonly send: Send;
  readonly origins: readonly string[];
  readonly now: () => number;
  readonly until: number;
}

/** Sends one callback, at least once in all: an answer that was lost is asked for again. Never throws. */
export async function deliver(callback: Callback, { send, origins, now, until }: Post): Promise<Delivery> {
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

function carried(headers: Callback['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofTheConnection.includes(name.toLowerCase())));
}

/** 2xx is delivered; 404 and 410 say that there is nobody to tell; everything else is asked again. */
function judged(result: OutboundResult, { alsoDelivered }: Callback, now: number): Delivery {
  if (result.kind === 'no-answer') return { kind: 'later' };
  const { status, headers } = result;
  if ((status >= 200 && status < 300) || alsoDelivered.includes(status)) return { kind: 'delivered' };
  if (status === 404 || status === 410) return { kind: 'refused' };
  const seconds = headers['retry-after'] ?? '';
  return /^\d{1,7}$/.test(seconds) ? { kind: 'later', notBefore: now + Number(seconds) * 1000 } : { kind: 'later' };
}
