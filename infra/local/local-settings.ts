import * as v from 'valibot';
import type { Send } from '../../lambda/io/http-client.ts';
import { isGeneric } from '../../lambda/platforms/index.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';

/** Platforms that a local run has besides those of the settings, so that each way of signing can be tried. */
const practicePlatforms = {
  shopify: { shops: ['practice.myshopify.com'] },
  'standard-webhooks': { type: 'generic', authentication: { kind: 'standard-webhooks' } },
};

/** Returns the settings with the platforms for practice. */
export function withPracticePlatforms(settings: Settings): Settings {
  return { ...settings, platforms: { ...settings.platforms, ...practicePlatforms, ...settings.platforms } };
}

const callbacks = v.looseObject({ callbackOrigins: v.optional(v.array(v.string()), []) });

/** Returns the settings in which every platform may also send callbacks to `origin`. */
export function withCallbackOrigin(settings: Settings, origin: string): Settings {
  const platforms = Object.entries(settings.platforms).map(([name, section]) => {
    if (name !== 'ketch' && !isGeneric(section)) return [name, section] as const;
    const { callbackOrigins, ...rest } = v.parse(callbacks, section);
    return [name, { ...rest, callbackOrigins: [...callbackOrigins, origin] }] as const;
  });
  return { ...settings, platforms: Object.fromEntries(platforms) };
}

/** Returns the settings with the sandbox's URL for every project. */
export function withSandboxUrls(settings: Settings, baseUrl: string): Settings {
  const projects = Object.entries(settings.projects).map(([name, project]) => [name, { ...project, baseUrl }] as const);
  return { ...settings, projects: Object.fromEntries(projects) };
}

/** Returns the settings of the demo: the default ones, but Ketch listens on this machine. */
export function parseDemoSettings(ketchUrl: string): Settings {
  const ketch = {
    tenants: ['axonic'],
    environments: ['production'],
    identities: { account_id: 'source_id', email: 'email' },
    callbackOrigins: [ketchUrl],
  };
  // A larger plan than the smallest one, so that the sweep does not wait long for its quota.
  const projects = { main: { baseUrl: 'https://api.voucherify.io', callsPerMinute: 2000 } };
  return parseSettings(JSON.stringify({ projects, platforms: { ketch } }), 'local');
}

/** Returns a client that calls this machine only: a local run with fictitious customers must not call a real platform. */
export function onlyToLoopback(send: Send): Send {
  return async call =>
    call.url.hostname === '127.0.0.1'
      ? send(call)
      : { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false };
}
