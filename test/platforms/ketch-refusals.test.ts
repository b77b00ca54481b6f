import { describe, expect, test } from 'vitest';
import { jsonOrUndefined } from '../support/event.ts';
import { failureOf } from '../support/failures.ts';
import { account, callback, deleteRequest, tenant, uid } from '../support/ketch.ts';
import { ketchPlatform as platform, readKetch, requestOf } from '../support/requests.ts';

const refused = (body: unknown, headers?: { 'content-type': string }) => failureOf(() => readKetch(body, headers));

describe('a message that is refused', () => {
  const at = (change: object) => deleteRequest(change);
  const wrong = 'is missing or does not match dsr/v1';

  test.each<[string, unknown, string]>([
    ['a list', [], 'apiVersion'],
    ['null', null, 'body'],
    ['text', '"text"', 'body'],
    ['of another version', deleteRequest({}, { apiVersion: 'dsr/v2' }), 'apiVersion'],
    ['without a kind', deleteRequest({}, { kind: undefined }), 'kind'],
    ['without metadata', deleteRequest({}, { metadata: undefined }), 'metadata'],
    ['without a uid', deleteRequest({}, { metadata: { tenant } }), 'metadata.uid'],
    ['with a uid that is none', deleteRequest({}, { metadata: { uid: 'x', tenant } }), 'metadata.uid'],
    ['with a uid and more', deleteRequest({}, { metadata: { uid: `${uid}\n`, tenant } }), 'metadata.uid'],
    ['without a tenant', deleteRequest({}, { metadata: { uid } }), 'metadata.tenant'],
    ['without a request', deleteRequest({}, { request: undefined }), 'request'],
    ['without an environment', at({ environment: undefined }), 'request.environment'],
    ['without identities', at({ identities: undefined }), 'request.identities'],
    ['with identities that are no list', at({ identities: {} }), 'request.identities'],
    ['with too many identities', at({ identities: Array(51).fill(account('x')) }), 'request.identities'],
    [
      'with an identity without a space',
      at({ identities: [{ identityValue: 'x' }] }),
      'request.identities.0.identitySpace',
    ],
    [
      'with a number as an identity',
      at({ identities: [account('a'), { ...account('b'), identityValue: 5 }] }),
      'request.identities.1.identityValue',
    ],
    ['with a callback without a URL', at({ callbacks: [{}] }), 'request.callbacks.0.url'],
    [
      'with headers that are no texts',
      at({ callbacks: [{ ...callback, headers: { 'X-Secret-Name': 5 } }] }),
      'request.callbacks.0.headers',
    ],
    ['with headers that are a list', at({ callbacks: [{ ...callback, headers: 'x' }] }), 'request.callbacks.0.headers'],
    [
      'with a header that has no name',
      at({ callbacks: [{ ...callback, headers: { '': 'x' } }] }),
      'request.callbacks.0.headers',
    ],
    [
      'with a header whose name cannot be sent',
      at({ callbacks: [callback, { ...callback, headers: { 'X: Y': 'x' } }] }),
      'request.callbacks.1.headers',
    ],
    [
      'with a header that holds another one',
      at({ callbacks: [{ ...callback, headers: { 'X-A': 'x\r\nX-B: y' } }] }),
      'request.callbacks.0.headers',
    ],
    ['with a time as text', at({ submittedTimestamp: '1768474800' }), 'request.submittedTimestamp'],
    ['with a time before time', at({ dueTimestamp: -8_640_000_000_001 }), 'request.dueTimestamp'],
    ['with half a second', at({ submittedTimestamp: 1.5 }), 'request.submittedTimestamp'],
    [
      'with a time in milliseconds times a thousand',
      at({ dueTimestamp: 1_771_070_400_000_000 }),
      'request.dueTimestamp',
    ],
  ])('is %s', (_, body, field) => {
    expect(refused(body)).toMatchObject({ code: 'invalid', message: `${field}: ${wrong}`, alarm: undefined });
  });

  test.each([
    'AccessRequest',
    'CorrectionRequest',
    'RestrictProcessingRequest',
    'deleterequest',
    'DeleteStatusEvent',
    '',
  ])('asks for something else: %j', kind => {
    expect(refused(deleteRequest({}, { kind }))).toMatchObject({
      code: 'unimplemented',
      message: 'kind: only DeleteRequest is supported',
    });
  });

  test.each(['Axonic', 'other', '', 'toString'])('comes from the tenant %j', name => {
    for (const kind of ['DeleteRequest', 'AccessRequest']) {
      expect(refused(deleteRequest({}, { kind, metadata: { uid, tenant: name } }))).toMatchObject({
        code: 'forbidden',
        message: 'metadata.tenant: is not configured',
      });
    }
  });

  test.each(['staging', 'Production', ''])('is of the environment %j', environment => {
    expect(refused(deleteRequest({ environment }))).toMatchObject({
      code: 'forbidden',
      message: 'request.environment: is not configured',
    });
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/problem+json', '', 'json'])(
    'comes as %j',
    type => {
      expect(refused(deleteRequest(), { 'content-type': type })).toMatchObject({ code: 'unsupported-media-type' });
    },
  );
});

describe('what a refusal names', () => {
  const refusal = (body: unknown, verified = true) => {
    const failure = refused(body);
    const reply = platform.errorReply(requestOf(body), verified ? failure.markVerified() : failure);
    return jsonOrUndefined(reply.body);
  };

  test('is the request, once its caller is known to be genuine', () => {
    const metadata = { uid: uid.toUpperCase(), tenant };
    expect(refusal(deleteRequest({ environment: 'x' }, { metadata }))).toHaveProperty('metadata', metadata);
    expect(refusal(deleteRequest({ environment: 'x' }, { metadata }), false)).not.toHaveProperty('metadata');
  });

  test('is nothing of a tenant that is not ours, of a body that is none, or of fields that are not the contract’s', () => {
    expect(refusal(deleteRequest({}, { metadata: { uid, tenant: 'x' } }))).not.toHaveProperty('metadata');
    expect(refusal('{')).not.toHaveProperty('metadata');
    const extra = deleteRequest({ environment: 'x' }, { metadata: { uid, tenant, email: 'ada@example.com' } });
    expect(refusal(extra)).toHaveProperty('metadata', { uid, tenant });
  });
});
