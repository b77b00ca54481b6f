import { expect } from 'vitest';
import { jsonOrUndefined, type Wire } from '../support/event.ts';
import { describePlatform } from './contract.ts';
import { apiKey, claims, job, pemOf, sombraKeys, tokenOf, transcendWire } from './transcend-messages.ts';

const nobody = { identifier: 'nobody@example.com', type: 'email' };

describePlatform('transcend', {
  section: {
    audience: 'acme',
    // Nobody listens there: what is told to Sombra is shown elsewhere.
    sombraUrl: 'http://127.0.0.1:9',
    identities: { coreIdentifier: 'source_id', email: 'email' },
    publicKey: pemOf(sombraKeys.publicKey),
  },
  secretText: (current, previous) => JSON.stringify({ current, previous, apiKey }),
  secrets: {
    current: 'transcend-current-secret-001',
    previous: 'transcend-previous-secret-01',
    wrong: 'transcend-another-secret-01',
  },
  message: ({ id, sourceId, extra = {} }) => {
    const request = { id: `c3ae78c9-2768-4666-991a-d2f72950333${id}` };
    const coreIdentifier = { value: sourceId };
    return transcendWire({ ...job(undefined, { coreIdentifier, extras: { profile: nobody, request } }), ...extra });
  },
  sign: (wire, secret, at) => {
    const iat = Math.floor(at / 1000);
    const token = tokenOf({ ...claims, value: coreIdentifierIn(wire), iat });
    return { ...wire, headers: { ...wire.headers, 'x-sombra-token': token, 'x-webhook-secret': secret } };
  },
  headers: ['x-sombra-token', 'x-webhook-secret'],
  coversBody: false,
  refusedWith: 401,
  anyContentType: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  others: [
    { what: 'a request for access', wire: transcendWire(job(undefined, { type: 'ACCESS' })), status: 400 },
    { what: 'a trial', wire: transcendWire(job(undefined, { isTest: true })), status: 204 },
  ],
});

/** Sombra's token vouches for the core identifier of the body that it goes with. */
function coreIdentifierIn({ body }: Wire): string {
  const read = jsonOrUndefined(Buffer.from(body).toString('utf8')) as { coreIdentifier?: { value: string } } | null;
  return read?.coreIdentifier?.value ?? claims.value;
}
