import type { Typed } from '../command.ts';
import type { Desk } from '../desk.ts';
import { Refused } from '../refused.ts';

/** Where a platform's requests go. Throws {@link Refused} for anything that cannot be the webhook's URL. */
export function endpointOf(platform: string, typed: Typed, { local }: Pick<Desk, 'local'>): URL {
  const given = typed.text('url');
  if (given !== undefined) return new URL(platform, webhookUrl(given));
  if (local === undefined) throw new Refused("--url: needed, the stack's output WebhookUrl (or --local)");
  if (local.run === undefined) throw new Refused('--local: npm start is not running in the folder that DATA_DIR names');
  return new URL(`/webhooks/${platform}`, local.run.url);
}

/** What a secret is sent to must be its owner's: https, or this machine. */
function webhookUrl(given: string): URL {
  const url = URL.parse(given.endsWith('/') ? given : `${given}/`);
  const isOurs = url !== null && /\/webhooks\/$/.test(url.pathname) && url.search === '' && url.hash === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
  if (!isOurs || !isSafe || url.username !== '' || url.password !== '') throw new Refused(wrongUrl);
  return url;
}

const wrongUrl =
  "--url: must be the stack's output WebhookUrl, https://…/webhooks/ (or http://127.0.0.1:PORT/webhooks/ of npm start)";
