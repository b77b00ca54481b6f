import type { Settings } from '../../lambda/io/settings.ts';

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
  const texts = new Map<string, string>([['erasure/pepper', pepper]]);
  for (const [name, section] of Object.entries(settings.platforms)) {
    texts.set(`erasure/platform/${name}`, JSON.stringify(platforms[name] ?? ofGeneric(section)));
  }
  for (const project of Object.keys(settings.projects)) {
    texts.set(`erasure/voucherify/${project}`, JSON.stringify(localKeys(project)));
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
