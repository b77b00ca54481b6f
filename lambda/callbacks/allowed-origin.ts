/**
 * Whether a callback may go to this URL: exactly an origin that settings list, with no user-info. Compared after
 * parsing, since a text comparison can be talked into another host. A `blob:` URL has an origin that it does not start
 * with.
 */
export function isAllowedOrigin(url: string, origins: readonly string[]): boolean {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username !== '' || parsed.password !== '') return false;
  return parsed.href.startsWith(`${parsed.origin}/`) && origins.includes(parsed.origin);
}
