import { Failure } from '../../lambda/domain/failure.ts';
import { pepperName, platformSecretName, projectSecretName } from '../../lambda/domain/names.ts';
import type { ReadSecret } from '../../lambda/io/secret-cache.ts';
import type { Settings } from '../../lambda/settings.ts';

/** What Ketch sends in its header to a local run. */
export const localKetchSecret = 'Bearer ketch-shared-secret-7f3c';

/** Secrets of a local run, for everybody to see: they protect invented people only. */
const pepper = 'local-pepper-that-guards-invented-people-only';

const platforms: Readonly<Record<string, object>> = {
  ketch: { current: localKetchSecret },
  transcend: { current: 'custom-header-secret-91ab', apiKey: 'transcend-api-key-test' },
  segment: { current: 'segment-shared-secret-55d1', header: 'custom-header-secret-91ab' },
  shopify: { current: 'shpss_throwaway_client_secret_0001' },
};

/** Of a generic sender, whatever its name: the signing key is as good a header value. */
const signing = { current: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' };
const basic = { current: 'local:password-of-a-local-run' };

/** Every secret that the settings ask for, by its design name. */
export function embeddedSecretTexts(settings: Settings): Readonly<Record<string, string>> {
  const texts = new Map<string, string>([[pepperName, pepper]]);
  for (const [name, section] of Object.entries(settings.platforms)) {
    texts.set(platformSecretName(name), JSON.stringify(platforms[name] ?? ofGeneric(section)));
  }
  for (const project of Object.keys(settings.projects)) {
    texts.set(projectSecretName(project), JSON.stringify(localKeys(project)));
  }
  return Object.fromEntries(texts);
}

/** The application key of a project in the sandbox. */
export function localKeys(project: string): { readonly appId: string; readonly appToken: string } {
  return { appId: `app-${project}`, appToken: `token-${project}` };
}

function ofGeneric(section: unknown): object {
  const isBasic = typeof section === 'object' && section !== null && 'scheme' in section && section.scheme === 'basic';
  return isBasic ? basic : signing;
}

/** Secrets that need no account: design names to texts, for local runs. They never change, so `fresh` asks in vain. */
export function embeddedSecrets(values: Readonly<Record<string, string>>): ReadSecret {
  return async name => {
    const text = Object.hasOwn(values, name) ? values[name] : undefined;
    if (text !== undefined) return text;
    throw new Failure('unavailable', `the secret ${name} is not usable`, { alarm: 'secret-unusable' });
  };
}
