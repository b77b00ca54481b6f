/**
 * Returns whether a callback may be sent to this URL: its origin must be one of those in settings. The parsed origin is
 * compared, because a comparison of text can be tricked into another host. A URL with user info does not start with its
 * origin, nor does a `blob:` URL.
 */
export function isAllowedOrigin(url: string, origins: readonly string[]): boolean {
  const parsed = URL.parse(url);
  return parsed?.href.startsWith(`${parsed.origin}/`) === true && origins.includes(parsed.origin);
}

/** The only origin that plain HTTP may be sent to, and only in a local run. */
export const loopbackOrigin = /^http:\/\/127\.0\.0\.1:\d{1,5}$/;
