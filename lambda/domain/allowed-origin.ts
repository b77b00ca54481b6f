/**
 * Whether a callback may go to this URL: exactly an origin that settings list. Compared after parsing, since a text
 * comparison can be talked into another host. A URL with user-info does not begin with its origin, and neither does a
 * `blob:` URL.
 */
export function isAllowedOrigin(url: string, origins: readonly string[]): boolean {
  const parsed = URL.parse(url);
  return parsed?.href.startsWith(`${parsed.origin}/`) === true && origins.includes(parsed.origin);
}

/** The one address that plain http may go to, and only in a local run. */
export const loopbackOrigin = /^http:\/\/127\.0\.0\.1:\d{1,5}$/;
