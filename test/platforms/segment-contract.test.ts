import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import { describePlatform } from './contract.ts';
import { deletion, segmentWire } from './segment-messages.ts';

describePlatform('segment', {
  section: {},
  secretText: (current, previous) => JSON.stringify({ current, previous }),
  secrets: {
    current: 'segment-current-secret-00001',
    previous: 'segment-previous-secret-0001',
    wrong: 'segment-another-secret-0001',
  },
  message: ({ id, sourceId, extra = {} }) =>
    segmentWire({ ...deletion, userId: sourceId, messageId: `delete-${id}`, ...extra }, { 'X-Signature': [] }),
  sign: (wire, secret) => {
    const signature = createHmac('sha1', secret).update(wire.body).digest('hex');
    return { ...wire, headers: { ...wire.headers, 'X-Signature': signature } };
  },
  headers: ['X-Signature'],
  // It covers what the JSON says; that it covers every bit but white space is shown elsewhere.
  coversBody: false,
  refusedWith: 401,
  anyContentType: true,
  idHoldsIdentities: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  others: [{ what: 'an identify', wire: segmentWire({ ...deletion, type: 'identify' }), status: 200 }],
});
