import type { ErasureRequest } from '../../lambda/domain/erasure.ts';
import type { HttpRequest } from '../../lambda/domain/http.ts';
import { ketch } from '../../lambda/platforms/ketch.ts';
import type { CallbackNotice, CallbackRequest, CallContext, Platform } from '../../lambda/platforms/platform.ts';
import { ketchSection } from './ketch.ts';

/** Creates Ketch's platform, with the settings of the tests. */
export function ketchPlatform(): Platform {
  return ketch(ketchSection);
}

/** The one erasure that a body asks for. */
export function readKetch(body: unknown, headers = { 'content-type': 'application/json' }): ErasureRequest {
  const reading = ketchPlatform().parse(requestOf(body, headers));
  if (!('erase' in reading) || reading.erase.length !== 1) throw new Error('Ketch asks for one erasure');
  return reading.erase[0]!;
}

/** Returns the calls that a platform makes for an outcome. Without `secret`, reading the secret fails. */
export function callbackRequests(
  platform: Platform,
  notice: Pick<CallbackNotice, 'outcome' | 'callbacks'> & Partial<CallbackNotice>,
  secret: () => Promise<string> = () => Promise.reject(new Error('the secret must not be read')),
): Promise<readonly CallbackRequest[]> {
  const facts = { reference: 'reference', scope: '', receivedAt: 0, receiptId: 'receipt-1' };
  return platform.buildCallbacks({ ...facts, ...notice }, callContext(secret));
}

/** What a platform's calls are built with. It has no network. */
export function callContext(secret: () => Promise<string>, now = 0): CallContext {
  return { secret, now: () => now, sendPublic: () => Promise.reject(new Error('no platform may be called')) };
}

/** A request as a platform's functions get it: an object as JSON, text and bytes as they are. */
export function requestOf(body: unknown, headers: Readonly<Record<string, string>> = json): HttpRequest {
  const lists = Object.entries(headers).map(([name, value]) => [name, [value]] as const);
  const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return { method: 'POST', path: '/webhooks/x', headers: new Map(lists), rawBody: Buffer.from(raw) };
}

const json = { 'content-type': 'application/json' };
