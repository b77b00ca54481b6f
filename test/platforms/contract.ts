import { describe } from 'vitest';
import { houseFor } from '../support/house.ts';
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
    house: ({ secrets: texts = {}, ...options } = {}) =>
      houseFor({
        platforms: { [name]: platform.section },
        secrets: { [`erasure/platform/${name}`]: platform.secretText(platform.secrets.current), ...texts },
        ...options,
      }),
    genuine: async (house, asked = {}, secret = platform.secrets.current) =>
      platform.sign(platform.message({ id: 1, sourceId: ada.sourceId, ...asked }), secret, house.clock.at),
  };
  describe(`${name}: credentials`, () => credentials(suite));
  describe(`${name}: its secret`, () => secrets(suite));
  describe(`${name}: requests`, () => requests(suite));
  describe(`${name}: bodies`, () => bodies(suite));
}
