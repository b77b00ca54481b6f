import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import type { ParsedRequest } from '../../lambda/platforms/platform.ts';
import { jsonOrUndefined } from '../support/event.ts';
import { failureOf } from '../support/failures.ts';
import { holds } from '../support/fuzz.ts';
import { account, callback, deleteRequest, tenant, uid } from '../support/ketch.ts';
import { ketchPlatform, readKetch, requestOf } from '../support/requests.ts';

describe('DeleteRequest', () => {
  test('all fields: are parsed', () => {
    const identities = [
      account('crm-1'),
      { identitySpace: 'customer', identityFormat: 'raw', identityValue: 'cust_1' },
      { identitySpace: 'email', identityValue: 'Ada+1@Example.com' },
      { identitySpace: 'phone', identityFormat: 'raw', identityValue: '+1 555' },
    ];
    expect(readKetch(deleteRequest({ identities, callbacks: [callback] }))).toEqual({
      reference: uid,
      scope: tenant,
      identities: identities.map(({ identitySpace: space, identityValue: value }) => ({ space, format: 'raw', value })),
      identifiers: [
        { kind: 'source_id', value: 'crm-1' },
        { kind: 'customer_id', value: 'cust_1' },
        { kind: 'email', value: 'Ada+1@Example.com' },
        { kind: 'phone', value: '+1 555' },
      ],
      callbacks: [callback],
      submittedAt: 1_768_474_800_000,
      dueAt: 1_771_070_400_000,
    });
  });

  test('uid: has no letter case', () => {
    expect(readKetch(deleteRequest({}, { metadata: { uid: uid.toUpperCase(), tenant } })).reference).toBe(uid);
  });

  test.each([undefined, null])('optional field that is %s: is absent', none => {
    const times = { submittedTimestamp: none, dueTimestamp: none };
    const identities = [
      { ...account('crm-1'), identityFormat: none },
      { identitySpace: 'email', identityValue: none },
    ];
    const erasure = readKetch(deleteRequest({ identities, callbacks: none, ...times }));
    expect(erasure).toEqual({
      reference: uid,
      scope: tenant,
      identities: [{ space: 'account_id', format: 'raw', value: 'crm-1' }],
      identifiers: [{ kind: 'source_id', value: 'crm-1' }],
      callbacks: [],
    });
    const { callbacks } = readKetch(deleteRequest({ callbacks: [{ url: callback.url, headers: none }] }));
    expect(callbacks).toEqual([{ url: callback.url, headers: {} }]);
  });

  test.each([0, 1, -62_135_596_800])('time of %j seconds: is taken as it is', seconds => {
    const erasure = readKetch(deleteRequest({ submittedTimestamp: seconds, dueTimestamp: seconds }));
    expect(erasure).toMatchObject({ submittedAt: seconds * 1000, dueAt: seconds * 1000 });
  });

  test('unknown fields and the form of the subject: are ignored', () => {
    const subject = { email: 'ben@example.com', account_id: 'crm-1', formData: { account_id: 'crm-1' } };
    const extra = { context: { a: 1 }, claims: [null], messages: 'x', legalBasisCode: {}, subject };
    expect(readKetch(deleteRequest(extra, { extra }))).toEqual(readKetch(deleteRequest()));
  });

  test.each([
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    ' application/json ;x=y',
    'application/vnd.ketch.v1+json',
    'application/cloudevents+json; charset=utf-8',
  ])('content type %j: is accepted', type => {
    expect(readKetch(deleteRequest(), { 'content-type': type }).reference).toBe(uid);
  });
});

describe('identity', () => {
  test.each(['md5', 'sha512', 'RAW', ' raw', 'bcrypt'])('format %j: cannot be looked up', identityFormat => {
    const erasure = readKetch(deleteRequest({ identities: [{ ...account('crm-1'), identityFormat }] }));
    expect(erasure.identifiers).toEqual([{ kind: 'source_id', value: '' }]);
    expect(erasure.identities).toEqual([{ space: 'account_id', format: identityFormat, value: 'crm-1' }]);
  });

  test('empty format: is raw', () => {
    const identities = [{ ...account('crm-1'), identityFormat: '' }];
    expect(readKetch(deleteRequest({ identities }))).toEqual(
      readKetch(deleteRequest({ identities: [account('crm-1')] })),
    );
  });

  test('whole number of any size: keeps its digits', () => {
    const body = JSON.stringify(deleteRequest({ identities: [account('N')] })).replace('"N"', '9007199254740993');
    expect(readKetch(body).identifiers).toEqual([{ kind: 'source_id', value: '9007199254740993' }]);
  });

  test('hash: is not needed beside a raw value of its own space', () => {
    const hash = (identitySpace: string) => ({ identitySpace, identityFormat: 'md5', identityValue: 'a1b2' });
    const identities = [hash('account_id'), account('crm-1'), hash('email'), hash('unknown'), hash('phone')];
    expect(readKetch(deleteRequest({ identities })).identifiers).toEqual([
      { kind: 'source_id', value: 'crm-1' },
      { kind: 'email', value: '' },
      { kind: 'phone', value: '' },
    ]);
  });

  test.each(['Account_id', 'account_id ', 'constructor', '__proto__', 'toString', ''])(
    'space %j: is not mapped',
    space => {
      const identities = [{ ...account('crm-1'), identitySpace: space }];
      expect(readKetch(deleteRequest({ identities })).identifiers).toEqual([]);
    },
  );
});

describe('rejected message of Ketch', () => {
  const refused = (body: unknown) => failureOf(() => readKetch(body));
  const withHeaders = (headers: unknown) => ({ callbacks: [callback, { ...callback, headers }] });

  test.each<[string, unknown]>([
    ['apiVersion', []],
    ['body', null],
    ['body', '"text"'],
    ['apiVersion', deleteRequest({}, { apiVersion: 'dsr/v2' })],
    ['kind', deleteRequest({}, { kind: undefined })],
    ['metadata', deleteRequest({}, { metadata: undefined })],
    ['metadata.uid', deleteRequest({}, { metadata: { tenant } })],
    ['metadata.uid', deleteRequest({}, { metadata: { uid: 'x', tenant } })],
    ['metadata.uid', deleteRequest({}, { metadata: { uid: `${uid}\n`, tenant } })],
    ['metadata.tenant', deleteRequest({}, { metadata: { uid } })],
    ['request', deleteRequest({}, { request: undefined })],
    ...Object.entries({
      'request.environment': [{ environment: undefined }],
      'request.identities': [
        { identities: undefined },
        { identities: {} },
        { identities: Array(51).fill(account('x')) },
      ],
      'request.identities.0.identitySpace': [{ identities: [{ identityValue: 'x' }] }],
      'request.identities.1.identityValue': [{ identities: [account('a'), { ...account('b'), identityValue: 1.5 }] }],
      'request.callbacks.0.url': [{ callbacks: [{}] }],
      // A number, no map, and headers that HTTP cannot carry.
      'request.callbacks.1.headers': [{ 'X-A': 5 }, 'x', { '': 'x' }, { 'X: Y': 'x' }, { 'X-A': 'x\r\nX-B: y' }].map(
        withHeaders,
      ),
      'request.submittedTimestamp': [{ submittedTimestamp: '1768474800' }, { submittedTimestamp: 1.5 }],
      'request.dueTimestamp': [{ dueTimestamp: -8_640_000_000_001 }, { dueTimestamp: 1_771_070_400_000_000 }],
    }).flatMap(([field, changes]) => changes.map((change): [string, unknown] => [field, deleteRequest(change)])),
  ])('%s: must match the contract', (field, body) => {
    const message = `${field}: is missing or does not match dsr/v1`;
    expect(refused(body)).toMatchObject({ code: 'invalid', message, alarm: undefined });
  });

  test.each(['AccessRequest', 'RestrictProcessingRequest', 'deleterequest', 'DeleteStatusEvent', ''])(
    'kind %j: is not supported',
    kind => {
      const message = 'kind: only DeleteRequest is supported';
      expect(refused(deleteRequest({}, { kind }))).toMatchObject({ code: 'unimplemented', message });
    },
  );

  test.each(['Axonic', 'other', '', 'toString'])('tenant %j: is not configured', name => {
    const message = 'metadata.tenant: is not configured';
    for (const kind of ['DeleteRequest', 'AccessRequest']) {
      const failure = refused(deleteRequest({}, { kind, metadata: { uid, tenant: name } }));
      expect(failure).toMatchObject({ code: 'forbidden', message });
    }
  });

  test.each(['staging', 'Production', ''])('environment %j: is not configured', environment => {
    const message = 'request.environment: is not configured';
    expect(refused(deleteRequest({ environment }))).toMatchObject({ code: 'forbidden', message });
  });

  test.each([
    ['authenticated request', { uid: uid.toUpperCase(), tenant, email: 'ada@example.com' }, true, true],
    ['unauthenticated request', { uid, tenant }, false, false],
    ['unknown tenant', { uid, tenant: 'x' }, true, false],
  ])('error reply, %s: has no metadata but a configured uid and tenant', (_, metadata, isVerified, isNamed) => {
    const body = deleteRequest({ environment: 'x' }, { metadata });
    const failure = isVerified ? refused(body).markVerified() : refused(body);
    const shown = (text: unknown) => jsonOrUndefined(ketchPlatform().errorReply!(requestOf(text), failure).body);
    const named = isNamed ? { metadata: { uid: metadata.uid, tenant } } : {};
    const error = { code: 403, status: 'forbidden', message: failure.message };
    expect(shown(body)).toEqual({ apiVersion: 'dsr/v1', kind: 'Error', ...named, error });
    expect(shown('{')).not.toHaveProperty('metadata');
  });
});

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
