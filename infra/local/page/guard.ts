import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Returns whether a request comes from the page itself, from the address bar or from a link. Another web page could also reach
 * this machine: under its own name that resolves to 127.0.0.1, so `Host` must be this server. Or by a request that changes
 * something, without reading the response, so a change needs the `Origin` of this server, and JSON.
 */
export function isFromThisPage(request: Pick<IncomingMessage, 'method' | 'headers'>, port: number): boolean {
  const { headers } = request;
  const { host = '', origin, 'sec-fetch-site': site = 'same-origin', 'content-type': type = '' } = headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return false;
  // A link from elsewhere may lead here; it cannot put the page into a frame.
  const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (request.method === 'GET') return site === 'same-origin' || site === 'none' || isVisit;
  return origin === `http://${host}` && site === 'same-origin' && type === 'application/json';
}

/** Returns the headers of the page: it may run its own script, use its own style, and call its own server only. */
export function pageHeaders(html: string): Readonly<Record<string, string>> {
  const sources = (tag: string) =>
    [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))]
      .map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join(' ');
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy':
      `default-src 'none'; script-src ${sources('script')}; style-src ${sources('style')}; connect-src 'self'; ` +
      "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}
