import { Failure } from '../../lambda/domain/failure.ts';
import { pepperName, platformSecretName, projectSecretName } from '../../lambda/domain/names.ts';
import type { ReadSecret } from '../../lambda/io/secret-cache.ts';
import type { Settings } from '../../lambda/settings.ts';

/** The header value that Ketch sends to a local run. */
export const localKetchSecret = 'Bearer ketch-shared-secret-7f3c';

/** Secrets of a local run. They are public: they protect only fictitious customers. */
const pepper = 'local-pepper-that-guards-invented-people-only';

const platforms: Readonly<Record<string, object>> = {
  ketch: { current: localKetchSecret },
  transcend: { current: 'custom-header-secret-91ab', apiKey: 'transcend-api-key-test' },
  segment: { current: 'segment-shared-secret-55d1', header: 'custom-header-secret-91ab' },
  shopify: { current: 'shpss_throwaway_client_secret_0001' },
};

/** Secrets of generic platforms. The signing key also serves as a header value. */
const signing = { current: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' };
const basic = { current: 'local:password-of-a-local-run' };

/** Returns all secrets that the settings require, by logical name. */
export function embeddedSecretTexts(settings: Settings): Readonly<Record<string, string>> {
  const texts = new Map<string, string>([[pepperName, pepper]]);
  for (const [name, section] of Object.entries(settings.platforms)) {
    texts.set(platformSecretName(name), JSON.stringify(platforms[name] ?? genericSecret(section)));
  }
  for (const project of Object.keys(settings.projects)) {
    texts.set(projectSecretName(project), JSON.stringify(localKeys(project)));
  }
  return Object.fromEntries(texts);
}

/** Returns the application key of a project in the sandbox. */
export function localKeys(project: string): { readonly appId: string; readonly appToken: string } {
  return { appId: `app-${project}`, appToken: `token-${project}` };
}

function genericSecret(section: unknown): object {
  const isBasic = typeof section === 'object' && section !== null && 'scheme' in section && section.scheme === 'basic';
  return isBasic ? basic : signing;
}

/** Returns a reader of the given secrets, by logical name. They never change, so `fresh` has no effect. */
export function embeddedSecrets(values: Readonly<Record<string, string>>): ReadSecret {
  return async name => {
    const text = Object.hasOwn(values, name) ? values[name] : undefined;
    if (text !== undefined) return text;
    throw new Failure('unavailable', `the secret ${name} is not usable`, { alarm: 'secret-unusable' });
  };
}
