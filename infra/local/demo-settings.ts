import { parseSettings, type Settings } from '../../lambda/io/settings.ts';

/** Settings of the demo: as shipped, but Ketch listens on this machine. */
export function parseDemoSettings(ketchUrl: string): Settings {
  const ketch = {
    tenants: ['axonic'],
    environments: ['production'],
    identities: { account_id: 'source_id', email: 'email' },
    callbackOrigins: [ketchUrl],
  };
  // A larger plan than the smallest, so that the sweep need not wait long for its turn.
  const projects = { main: { baseUrl: 'https://api.voucherify.io', callsPerMinute: 2000 } };
  return parseSettings(JSON.stringify({ projects, platforms: { ketch } }), 'local');
}
