import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import type { ParsedRequest } from '../../lambda/platforms/platform.ts';
import { jsonOrUndefined } from '../support/event.ts';
import { holds } from '../support/fuzz.ts';
import { callback, deleteRequest, uid } from '../support/ketch.ts';
import { ketchPlatform, requestOf } from '../support/requests.ts';

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('raw', 'md5', 'account_id', '__proto__', uid, ''));
const anything = fc.oneof(fc.jsonValue({ maxDepth: 3 }), text, fc.maxSafeInteger(), fc.constant(undefined));

/** Requests in which every field may be right, wrong or missing. */
const almostValid = fc
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
  almostValid,
  envelopes.map(envelope => deleteRequest({}, envelope)),
  fc.tuple(almostValid, fc.nat(), fc.nat(255)).map(([request, at, byte]) => {
    const raw = Buffer.from(JSON.stringify(request));
    raw[at % raw.length] = byte;
    return raw;
  }),
);
const types = fc.oneof({ weight: 9, arbitrary: fc.constant('application/json') }, fc.string());

describe('parser of Ketch', () => {
  test('any message: is parsed, or rejected with a Failure that repeats no value of it', () => {
    holds(
      fc.property(bodies, types, (body, type) => {
        const request = requestOf(body, { 'content-type': type });
        try {
          ketchPlatform().parse(request);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
          expect((thrown as Failure).message).toMatch(
            /^(body|Content-Type|apiVersion|kind|metadata|request)(\.(\d{1,2}|[a-zA-Z]{1,20}))*: [-a-zA-Z0-9/ ]+$/,
          );
          const reply = ketchPlatform().errorReply!(request, (thrown as Failure).markVerified());
          expect(jsonOrUndefined(reply.body)).toMatchObject({ kind: 'Error' });
        }
      }),
    );
  });

  test('parsed message: has usable identifiers and times, and a reply', () => {
    holds(
      fc.property(almostValid, body => {
        const request = requestOf(body);
        let parsed: ParsedRequest;
        try {
          parsed = ketchPlatform().parse(request);
        } catch {
          return;
        }
        expect(parsed).toMatchObject({ erase: [{ reference: uid, scope: 'axonic' }] });
        const [erasure] = 'erase' in parsed ? parsed.erase : [];
        for (const { kind, value } of erasure!.identifiers) {
          expect(['source_id', 'customer_id', 'email', 'phone']).toContain(kind);
          const isRaw = expect.objectContaining({ format: 'raw', value });
          if (value !== '') expect(erasure!.identities).toContainEqual(isRaw);
        }
        for (const time of [erasure!.submittedAt, erasure!.dueAt]) {
          expect(time === undefined || new Date(time).toISOString() !== '').toBe(true);
        }
        const outcome = { kind: 'erased', at: 0, deletions: [] } as const;
        const result = { reference: uid, receivedAt: 0, receiptId: 'r', outcome, callbackFollows: false };
        expect(parsed.reply([result]).status).toBe(200);
      }),
    );
  });
});
