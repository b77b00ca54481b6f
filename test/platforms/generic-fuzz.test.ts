import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import type { HttpRequest } from '../../lambda/domain/http.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { VerifyContext } from '../../lambda/platforms/platform.ts';
import { eventuallyHolds, holds } from '../support/fuzz.ts';
import { callContext } from '../support/requests.ts';
import { order } from './generic-messages.ts';
import { deletion } from './segment-messages.ts';
import { redaction, shop } from './shopify-messages.ts';
import { job, pemOf, sombraKeys } from './transcend-messages.ts';

const now = Date.parse('2026-01-15T12:00:00Z');
const secret = { current: 'user:a-secret-of-24-characters', apiKey: 'key', header: 'a-header-of-24-characters' };
const identities = { coreIdentifier: 'source_id' };
const sombraUrl = 'https://sombra.example';
const platforms = openPlatforms({
  generic: { authentication: { kind: 'basic' } },
  'in-house': {
    type: 'generic',
    authentication: { kind: 'header' },
    rules: [{ when: {}, do: 'erase' }],
    reference: ['/a/0'],
    identifiers: { '/b~1c': 'email' },
  },
  segment: {},
  shopify: { shops: [shop], customerId: 'source_id' },
  transcend: { audience: 'acme', sombraUrl, identities, publicKey: pemOf(sombraKeys.publicKey) },
});
const names = [...platforms.keys()];
const seeds: Readonly<Record<string, unknown>> = {
  generic: order,
  'in-house': { a: ['1'], 'b/c': 'ada@example.com' },
  segment: deletion,
  shopify: redaction,
  transcend: job(),
};

/** A genuine body with any of its fields replaced by anything. */
function spoiledBody(name: string): fc.Arbitrary<string> {
  const seed = Object.entries(seeds[name] as object);
  const fields = seed.map(([key, value]) => [key, fc.oneof(fc.constant(value), fc.jsonValue())] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] }).map(body => JSON.stringify(body));
}

const headerNames = ['content-type', 'x-shopify-topic', 'x-shopify-webhook-id', 'x-transcend-nonce', 'x-sombra-token'];
const values = fc.oneof(fc.string(), fc.constantFrom('application/json', 'customers/redact', 'id-1'));
const headers = fc
  .dictionary(
    fc.constantFrom(...headerNames, 'authorization', 'x-signature', 'webhook-id'),
    fc.array(values, { maxLength: 2 }),
  )
  .map(lists => new Map(Object.entries(lists)));

function requestFor(name: string): fc.Arbitrary<HttpRequest> {
  const texts = fc.oneof(spoiledBody(name), fc.json(), fc.string()).map(text => Buffer.from(text));
  return fc.record({
    method: fc.constantFrom('POST', 'GET'),
    path: fc.string().map(id => `/webhooks/${name}/${id}`),
    headers,
    rawBody: fc.oneof(texts, fc.uint8Array()),
  });
}

describe.each(names)('%s', name => {
  const platform = platforms.get(name)!;

  test('reads any request, or refuses it, and never throws anything else', () => {
    const readable = requestFor(name).map(request => ({
      ...request,
      headers: new Map([...request.headers, ['content-type', ['application/json']]]),
    }));
    holds(
      fc.property(readable, request => {
        const reading = onlyFailures(() => platform.parse(request));
        if (reading === undefined || !('erase' in reading)) return;
        for (const { reference, identities: sent, identifiers } of reading.erase) {
          expect(reference).not.toBe('');
          expect(identifiers.length).toBeLessThanOrEqual(sent.length);
        }
      }),
    );
  });

  test('lets nobody in who proves nothing, whatever they send, and calls nobody', async () => {
    const means: VerifyContext = {
      secret: async () => JSON.stringify(secret),
      now: () => now,
      send: () => Promise.reject(new Error('nobody is to be called')),
      sendPublic: () => Promise.reject(new Error('nobody is to be called')),
    };
    await eventuallyHolds(
      fc.asyncProperty(requestFor(name), async request => {
        const refused = await platform.verify(request, means).catch((thrown: unknown) => thrown);
        expect(refused).toBeInstanceOf(Failure);
        expect((refused as Failure).status).toBe(401);
      }),
    );
  });
});

describe('pull', () => {
  const url = 'https://api.example.com/orders?state=open';
  const asked = (next: object) =>
    openPlatforms({
      asked: {
        type: 'generic',
        callbackOrigins: ['https://api.example.com'],
        pull: { url, list: '/orders', next },
        rules: [{ when: { '/kind': [null, 'erase'] }, do: 'erase' }],
        reference: '/id',
        identifiers: { '/email': 'email' },
        callback: { url: 'https://api.example.com/orders/{/id}', headers: { 'x-nonce': '{kept:/nonce}' } },
      },
    }).get('asked')!.pull!;
  const byCursor = asked({ query: 'cursor', at: '/next' });

  test('reads any page, or refuses it, and never throws anything else', () => {
    const field = fc.oneof(fc.string(), fc.jsonValue(), fc.constantFrom('a-1', 'ada@example.com', '..', null));
    const entry = fc.oneof(
      fc.record({ id: field, email: field, nonce: field, kind: field }, { requiredKeys: [] }),
      field,
    );
    const page = fc.record({ orders: fc.oneof(fc.array(entry), fc.jsonValue()), next: field }, { requiredKeys: [] });
    const text = fc.oneof(
      page.map(one => JSON.stringify(one)),
      fc.json(),
      fc.string(),
    );
    holds(
      fc.property(text, body => {
        for (const { reference, callbacks } of onlyFailures(() => byCursor.parsePage(body))?.erase ?? []) {
          expect(reference).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
          for (const target of callbacks) expect(new URL(target.url).pathname).toBe(`/orders/${reference}`);
        }
      }),
    );
  });

  test('any cursor: is one value of the query, and never changes the address', async () => {
    const context = callContext(() => Promise.reject(new Error('no secret is needed')));
    await eventuallyHolds(
      fc.asyncProperty(fc.string(), async cursor => {
        const { url: called } = await byCursor.buildCall(context, cursor);
        expect(`${called.origin}${called.pathname}`).toBe('https://api.example.com/orders');
        expect([...called.searchParams.keys()]).toEqual(['state', 'cursor']);
        expect(called.searchParams.get('cursor')).toBe(cursor.toWellFormed());
      }),
    );
  });
});

test('a signed body of any kind is refused as unreadable, or read', async () => {
  const means: VerifyContext = {
    secret: async () => JSON.stringify(secret),
    now: () => now,
    send: () => Promise.reject(),
    sendPublic: () => Promise.reject(),
  };
  await eventuallyHolds(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string(), spoiledBody('segment')), async text => {
      const signature = createHmac('sha1', secret.current).update(text).digest('hex');
      const request = {
        method: 'POST',
        path: '',
        headers: new Map([['x-signature', [signature]]]),
        rawBody: Buffer.from(text),
      };
      const outcome = await platforms
        .get('segment')!
        .verify(request, means)
        .catch((thrown: unknown) => thrown);
      const needsHeader = { status: 401, message: 'x-webhook-secret: is required for an array' };
      expect(outcome).toMatchObject(
        outcome instanceof Error ? needsHeader : { scheme: 'hmac-sha1', secret: 'current' },
      );
    }),
  );
});

function onlyFailures<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Failure);
    return undefined;
  }
}
