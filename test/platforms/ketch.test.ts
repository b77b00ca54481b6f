import { expect } from 'vitest';
import { account, deleteRequest, ketchSecretText, ketchSection, ketchWire, tenant } from '../support/ketch.ts';
import { describePlatform } from './contract.ts';

const uidOf = (id: number) => `22880925-aac5-42f9-a653-cb6921d361${String(id).padStart(2, '0')}`;

const words: Readonly<Record<number, string>> = {
  400: 'invalid',
  403: 'forbidden',
  405: 'invalid',
  409: 'conflict',
  413: 'invalid',
  415: 'invalid',
  501: 'unimplemented',
  503: 'unavailable',
};

describePlatform('ketch', {
  section: { ...ketchSection },
  secretText: ketchSecretText,
  secrets: {
    current: 'Bearer ketch-current-secret-0001',
    previous: 'Basic a2V0Y2g6cHJldmlvdXMtc2VjcmV0',
    stranger: 'Bearer ketch-stranger-secret-001',
  },
  message: ({ id, sourceId, extra = {} }) => {
    const metadata = { uid: uidOf(id), tenant };
    return ketchWire(
      { ...deleteRequest({ identities: [account(sourceId)] }, { metadata }), ...extra },
      { Authorization: [] },
    );
  },
  sign: (wire, secret) => ({ ...wire, headers: { ...wire.headers, Authorization: secret } }),
  headers: ['Authorization'],
  coversBody: false,
  refusedWith: 403,
  expectRefusal: ({ json, headers }, status) => {
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(json).toMatchObject({ apiVersion: 'dsr/v1', kind: 'Error', error: { code: status, status: words[status] } });
  },
  others: [
    { what: 'an access request', wire: ketchWire(deleteRequest({}, { kind: 'AccessRequest' })), status: 501 },
    { what: 'another environment', wire: ketchWire(deleteRequest({ environment: 'staging' })), status: 403 },
  ],
});
