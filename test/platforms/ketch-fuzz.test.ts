import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { receive } from '../../lambda/request/receive.ts';
import type { Services } from '../../lambda/services.ts';
import { jsonOrUndefined } from '../support/event.ts';
import { forbiddenAdapters } from '../support/forbidden-adapters.ts';
import { eventuallyHolds, holds } from '../support/fuzz.ts';
import { openHarness } from '../support/harness.ts';
import { callback, deleteRequest, ketchSecretText, ketchSection, uid } from '../support/ketch.ts';
import { ketchPlatform as platform, requestOf } from '../support/requests.ts';

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('raw', 'md5', 'account_id', '__proto__', uid, ''));
const anything = fc.oneof(fc.jsonValue({ maxDepth: 3 }), text, fc.maxSafeInteger(), fc.constant(undefined));

/** Requests that nearly are one: every field may be right, wrong or missing. */
const nearly = fc
  .record(
    {
      identities: fc.oneof(
        anything,
        fc.array(
          fc.record(
            { identitySpace: text, identityFormat: fc.oneof(text, anything), identityValue: fc.oneof(text, anything) },
            { requiredKeys: [] },
          ),
        ),
      ),
      callbacks: fc.oneof(
        anything,
        fc.array(fc.oneof(fc.constant(callback), fc.record({ url: text, headers: anything }))),
      ),
      submittedTimestamp: anything,
      dueTimestamp: anything,
      environment: fc.oneof({ weight: 3, arbitrary: fc.constant('production') }, anything),
    },
    { requiredKeys: [] },
  )
  .map(request => deleteRequest(request));

const envelopes = fc.record(
  { apiVersion: anything, kind: anything, metadata: anything, request: anything },
  { requiredKeys: [] },
);

const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json(),
  nearly,
  envelopes.map(envelope => deleteRequest({}, envelope)),
  fc.tuple(nearly, fc.nat(), fc.nat(255)).map(([request, at, byte]) => {
    const raw = Buffer.from(JSON.stringify(request));
    raw[at % raw.length] = byte;
    return raw;
  }),
);
const types = fc.oneof({ weight: 9, arbitrary: fc.constant('application/json') }, fc.string());

describe('whatever is sent', () => {
  test('it is read, or refused with a Failure that repeats nothing of it', () => {
    holds(
      fc.property(bodies, types, (body, type) => {
        const request = requestOf(body, { 'content-type': type });
        try {
          platform.parse(request);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
          expect((thrown as Failure).message).toMatch(
            /^(body|Content-Type|apiVersion|kind|metadata|request)(\.(\d{1,2}|[a-zA-Z]{1,20}))*: [-a-zA-Z0-9/ ]+$/,
          );
          const reply = platform.errorReply(request, (thrown as Failure).markVerified());
          expect(jsonOrUndefined(reply.body)).toMatchObject({ kind: 'Error' });
        }
      }),
    );
  });

  test('what is read has the shape that the line relies on, and can be answered', () => {
    holds(
      fc.property(nearly, body => {
        const request = requestOf(body);
        let reading: ReturnType<typeof platform.parse>;
        try {
          reading = platform.parse(request);
        } catch {
          return;
        }
        expect(reading).toMatchObject({ erase: [{ reference: uid, scope: 'axonic' }] });
        const [erasure] = 'erase' in reading ? reading.erase : [];
        for (const { kind, value } of erasure!.identifiers) {
          expect(['source_id', 'customer_id', 'email', 'phone']).toContain(kind);
          const isRaw = expect.objectContaining({ format: 'raw', value });
          if (value !== '') expect(erasure!.identities).toContainEqual(isRaw);
        }
        for (const time of [erasure!.submittedAt, erasure!.dueAt]) {
          expect(time === undefined || new Date(time).toISOString() !== '').toBe(true);
        }
        const outcome = { kind: 'erased', at: 0, deletions: [] } as const;
        const answered = { reference: uid, receivedAt: 0, receiptId: 'r', outcome, callbackFollows: false };
        expect(reading.reply([answered]).status).toBe(200);
      }),
    );
  });
});

describe('credentials that differ from the secret in one place', () => {
  test('are refused, and no port is touched but the secret’s', async () => {
    const char = fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code));
    const secret = fc.string({ unit: char, minLength: 24, maxLength: 60 });
    const change = fc.record({ at: fc.nat(), char, kind: fc.constantFrom('replace', 'insert', 'remove') });
    const harness = await openHarness({ platforms: { ketch: ketchSection }, secrets: {} });
    const { ports, calls } = forbiddenAdapters();
    try {
      await eventuallyHolds(
        fc.asyncProperty(secret, fc.option(secret), change, async (current, previous, { at, char: other, kind }) => {
          const place = at % current.length;
          const rest = current.slice(kind === 'insert' ? place : place + 1);
          const given = `${current.slice(0, place)}${kind === 'remove' ? '' : other}${rest}`;
          fc.pre(given !== current && given !== previous && previous !== current);
          const readSecret = async () => ketchSecretText(current, previous ?? undefined);
          const services: Services = { ...harness.services, ...ports, readSecret };
          const headers = { 'content-type': 'application/json', authorization: given };
          const request = { ...requestOf(deleteRequest(), headers), path: '/webhooks/ketch' };
          const refused = await receive(request, services).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          expect(refused).toMatchObject({ code: 'forbidden', verified: false });
          expect(calls()).toEqual([]);
        }),
      );
    } finally {
      await harness.close();
    }
  });
});
