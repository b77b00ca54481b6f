import type { HttpRequest } from '../../lambda/domain/http.ts';

/** A request as a platform's functions get it: an object as JSON, text and bytes as they are. */
export function requestOf(body: unknown, headers: Readonly<Record<string, string>> = json): HttpRequest {
  const lists = Object.entries(headers).map(([name, value]) => [name, [value]] as const);
  const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return { method: 'POST', path: '/webhooks/x', headers: new Map(lists), rawBody: Buffer.from(raw) };
}

const json = { 'content-type': 'application/json' };
