import { describe } from 'vitest';
import { createHarness } from '../support/harness.ts';
import { bodies } from './contract-bodies.ts';
import { ada, type PlatformCase, type Suite } from './contract-case.ts';
import { credentials } from './contract-credentials.ts';
import { requests } from './contract-requests.ts';
import { secrets } from './contract-secrets.ts';

/** The suite that every platform passes. */
export function describePlatform(name: string, platform: PlatformCase): void {
  const suite: Suite = {
    ...platform,
    name,
    harness: ({ secrets: texts = {}, ...options } = {}) =>
      createHarness({
        platforms: { [name]: platform.section },
        secrets: { [`erasure/platform/${name}`]: platform.secretText(platform.secrets.current), ...texts },
        ...options,
      }),
    genuine: async (harness, asked = {}, secret = platform.secrets.current) =>
      platform.sign(platform.message({ id: 1, sourceId: ada.sourceId, ...asked }), secret, harness.clock.now),
  };
  describe(`${name}: credentials`, () => credentials(suite));
  describe(`${name}: its secret`, () => secrets(suite));
  describe(`${name}: requests`, () => requests(suite));
  describe(`${name}: bodies`, () => bodies(suite));
}
