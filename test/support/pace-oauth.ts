import type { HttpCall } from '../../lambda/io/outbound.ts';
import type { Adapters } from '../../lambda/parts.ts';
import { type ErasingHouse, erasingHouse } from './erasing-house.ts';

/** A call for a token, as a house names it. */
export const token = 'POST /v1/oauth/token';
export const secret = 'erasure/voucherify/main';

export function isToken({ url }: HttpCall): boolean {
  return url.pathname === '/v1/oauth/token';
}

export function tokensIn(sent: readonly string[]): number {
  return sent.filter(call => call === token).length;
}

/** The erasing side under OAuth. */
export function oauthHouse(): ErasingHouse {
  return erasingHouse({ change: ({ settings }) => ({ settings: byOauth(settings) }) });
}

function byOauth(settings: Adapters['settings']): Adapters['settings'] {
  const changed = Object.entries(settings.projects).map(([name, project]) => [name, { ...project, auth: 'oauth' }]);
  return { ...settings, projects: Object.fromEntries(changed) };
}
