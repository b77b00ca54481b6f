import type { OutboundCall } from '../../lambda/io/outbound.ts';
import type { Ports } from '../../lambda/parts.ts';
import { type ErasingHouse, erasingHouse } from './erasing-house.ts';

const token = 'POST /v1/oauth/token';
const secret = 'erasure/voucherify/main';
const isToken = ({ url }: OutboundCall) => url.pathname === '/v1/oauth/token';

/** The erasing side under OAuth, and what is stored of it. */
function oauthHouse(): ErasingHouse {
  return erasingHouse({ change: ({ settings }) => ({ settings: byOauth(settings) }) });
}

function byOauth(settings: Ports['settings']): Ports['settings'] {
  const projects = Object.entries(settings.projects).map(([name, project]) => [
    name,
    { ...project, auth: 'oauth' as const },
  ]);
  return { ...settings, projects: Object.fromEntries(projects) };
}

const tokensIn = (sent: readonly string[]) => sent.filter(call => call === token).length;
