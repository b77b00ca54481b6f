import { describe, expect, test } from 'vitest';
import { account, callback, deleteRequest, tenant, uid } from '../support/ketch.ts';
import { readKetch as read } from '../support/requests.ts';

describe('a DeleteRequest', () => {
  test('is translated', () => {
    const identities = [
      account('crm-1'),
      { identitySpace: 'customer', identityFormat: 'raw', identityValue: 'cust_1' },
      { identitySpace: 'email', identityValue: 'Ada+1@Example.com' },
      { identitySpace: 'phone', identityFormat: 'raw', identityValue: '+1 555' },
    ];
    expect(read(deleteRequest({ identities, callbacks: [callback] }))).toEqual({
      reference: uid,
      scope: tenant,
      identities: [
        { space: 'account_id', format: 'raw', value: 'crm-1' },
        { space: 'customer', format: 'raw', value: 'cust_1' },
        { space: 'email', format: 'raw', value: 'Ada+1@Example.com' },
        { space: 'phone', format: 'raw', value: '+1 555' },
      ],
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

  test('is one and the same with its uid in either letter case', () => {
    const upper = read(deleteRequest({}, { metadata: { uid: uid.toUpperCase(), tenant } }));
    expect(upper.reference).toBe(uid);
  });

  test('needs no times, no callbacks and no headers of callbacks', () => {
    const { submittedTimestamp: _, dueTimestamp: __, ...request } = deleteRequest().request;
    const erasure = read({ ...deleteRequest(), request: { ...request, callbacks: [{ url: callback.url }] } });
    expect(erasure).not.toHaveProperty('submittedAt');
    expect(erasure).not.toHaveProperty('dueAt');
    expect(erasure.callbacks).toEqual([{ url: callback.url, headers: {} }]);
  });

  test.each([0, 1, -62_135_596_800])('has the times that it says, plausible or not: %j', seconds => {
    const erasure = read(deleteRequest({ submittedTimestamp: seconds, dueTimestamp: seconds }));
    expect(erasure).toMatchObject({ submittedAt: seconds * 1000, dueAt: seconds * 1000 });
  });

  test('is read with whatever else stands in it', () => {
    const extra = { context: { a: 1 }, claims: [null], messages: 'x', legalBasisCode: {} };
    expect(read(deleteRequest(extra, { extra }))).toEqual(read(deleteRequest()));
  });

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', ' application/json ;x=y'])(
    'may come as %j',
    type => {
      expect(read(deleteRequest(), { 'content-type': type }).reference).toBe(uid);
    },
  );
});

describe('an identity in clear', () => {
  const formats = ['md5', 'sha1', 'sha256', 'sha512', 'RAW', ' raw', 'bcrypt'];

  test.each(formats)('is not what has the format %j: it counts as an unusable one', identityFormat => {
    const erasure = read(deleteRequest({ identities: [{ ...account('crm-1'), identityFormat }] }));
    expect(erasure.identifiers).toEqual([{ kind: 'source_id', value: '' }]);
    expect(erasure.identities).toEqual([{ space: 'account_id', format: identityFormat, value: 'crm-1' }]);
  });

  test('null and absent fields: are the same, and an empty format is raw', () => {
    const nulls = { identityFormat: null, identityValue: 'crm-1', identitySpace: 'account_id' };
    const identities = [nulls, { ...nulls, identityFormat: '' }, { identitySpace: 'email', identityValue: null }];
    const times = { submittedTimestamp: null, dueTimestamp: null };
    const erasure = read(deleteRequest({ identities, callbacks: null, ...times }));
    const identity = { space: 'account_id', format: 'raw', value: 'crm-1' };
    expect(erasure.identities).toEqual([identity, identity]);
    expect(erasure).toMatchObject({ callbacks: [] });
    expect(erasure).not.toHaveProperty('submittedAt');
    const headers = read(deleteRequest({ callbacks: [{ url: callback.url, headers: null }] })).callbacks;
    expect(headers).toEqual([{ url: callback.url, headers: {} }]);
  });

  test('makes the hashes of its own space needless, and of no other', () => {
    const hash = (identitySpace: string) => ({ identitySpace, identityFormat: 'md5', identityValue: 'a1b2' });
    const identities = [hash('account_id'), account('crm-1'), hash('email'), hash('unknown'), hash('phone')];
    expect(read(deleteRequest({ identities })).identifiers).toEqual([
      { kind: 'source_id', value: 'crm-1' },
      { kind: 'email', value: '' },
      { kind: 'phone', value: '' },
    ]);
  });
});

describe('an identity is no identifier', () => {
  test.each(['Account_id', 'account_id ', 'constructor', '__proto__', 'toString', 'hasOwnProperty', ''])(
    'in the space %j',
    identitySpace => {
      expect(read(deleteRequest({ identities: [{ ...account('crm-1'), identitySpace }] })).identifiers).toEqual([]);
    },
  );

  test('because the form says so', () => {
    const subject = { email: 'ada@example.com', account_id: 'crm-10042', formData: { account_id: 'crm-10042' } };
    expect(read(deleteRequest({ identities: [], subject })).identifiers).toEqual([]);
  });
});
