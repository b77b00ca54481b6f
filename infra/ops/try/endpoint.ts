import type { ParsedArgs } from '../command.ts';
import type { OpsContext } from '../desk.ts';
import { OpsUsageError } from '../refused.ts';

/** Where a platform's requests go. Throws {@link OpsUsageError} for anything that cannot be the webhook's URL. */
export function endpointOf(platform: string, typed: ParsedArgs, { local }: Pick<OpsContext, 'local'>): URL {
  const given = typed.text('url');
  if (given !== undefined) return new URL(platform, webhookUrl(given));
  if (local === undefined) throw new OpsUsageError("--url: needed, the stack's output WebhookUrl (or --local)");
  if (local.run === undefined)
    throw new OpsUsageError('--local: npm start is not running in the folder that DATA_DIR names');
  return new URL(`/webhooks/${platform}`, local.run.url);
}

/** What a secret is sent to must be its owner's: https, or this machine. */
function webhookUrl(given: string): URL {
  const url = URL.parse(given.endsWith('/') ? given : `${given}/`);
  const isOurs = url !== null && /\/webhooks\/$/.test(url.pathname) && url.search === '' && url.hash === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
  if (!isOurs || !isSafe || url.username !== '' || url.password !== '') throw new OpsUsageError(wrongUrl);
  return url;
}

const wrongUrl =
  "--url: must be the stack's output WebhookUrl, https://…/webhooks/ (or http://127.0.0.1:PORT/webhooks/ of npm start)";
