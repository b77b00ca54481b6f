import { expect, test } from 'vitest';
import { type Addendum, addendumStatement, storeAddendumSignature } from '../../lambda/receipts/addendum.ts';
import { issuer } from '../../lambda/receipts/evidence.ts';
import { expiresAt, now } from '../support/receipt-builders.ts';

const addendum: Addendum = {
  ...{ v: 1, receipt: 'receipt-1', event: 'mac-of-event', revision: 1, project: 'main' },
  ...{ type: 'customer.created', matched: ['email'], occurredAt: now, receivedAt: now + 1, expiresAt },
};

test('addendum: states what is known, and the channel only if the event names it', () => {
  const { receipt, event, project, type, matched } = addendum;
  const statement = {
    ...{ iss: issuer, v: 1, receipt, what: 'reappearance', event, project, type, matched },
    // SHA-256 of "abc" (FIPS 180-4), in base64url.
    evidenceSha256: 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0',
    occurredAt: new Date(now).toISOString(),
    receivedAt: new Date(now + 1).toISOString(),
  };
  expect(addendumStatement(addendum, 'abc')).toStrictEqual(statement);
  expect(addendumStatement({ ...addendum, channel: 'API' }, 'abc')).toStrictEqual({ ...statement, channel: 'API' });
});

test('signature of an addendum: is stored once', () => {
  const signed = storeAddendumSignature(addendum, 'a.b.c');
  expect(signed).toStrictEqual({ ...addendum, jws: 'a.b.c', revision: 2 });
  expect(signed && storeAddendumSignature(signed, 'd.e.f')).toBeUndefined();
});
