import { describe, expect, test } from 'vitest';
import { genericHarness, genericWire, order, question } from '../platforms/generic-messages.ts';
import { account, deleteRequest, ketchHarness, ketchWire, uid } from '../support/ketch.ts';

/** A person who is in the sandbox, and one who is not. */
const [known, unknown] = ['crm-10042', 'crm-none'];

describe('unauthenticated caller: the replies are equal byte for byte', () => {
  test('Ketch: for an existing customer, an unknown one and an earlier request', async () => {
    const harness = ketchHarness();
    await harness.send(ketchWire());
    const about = (person: string, id: string) => {
      const asked = deleteRequest({ identities: [account(person)] }, { metadata: { uid: id, tenant: 'axonic' } });
      return harness.send(ketchWire(asked, { Authorization: 'Bearer a-stranger-with-a-long-secret' }));
    };
    const another = uid.replace('2', '3');
    const first = await about(known, uid);
    expect(first.status).toBe(403);
    for (const answer of [about(unknown, uid), about(known, another), about(unknown, another)]) {
      expect(await answer).toEqual(first);
    }
  });

  test('generic: also for the status of an existing and an unknown request', async () => {
    const harness = genericHarness();
    await harness.send(genericWire());
    const stranger = { secret: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' };
    const asked = (value: string, id: string) =>
      genericWire({ ...order, request_id: id, identifiers: [{ type: 'source_id', value }] }, {}, stranger);
    const first = await harness.send(asked(known, 'req-1'));
    expect(first.status).toBe(401);
    for (const wire of [asked(unknown, 'req-1'), asked(known, 'req-2'), asked(unknown, 'req-2')]) {
      expect(await harness.send(wire)).toEqual(first);
    }
    const standing = await harness.send(question('req-1', {}, stranger));
    expect(standing.status).toBe(401);
    expect(await harness.send(question('req-2', {}, stranger))).toEqual(standing);
  });
});

test('authenticated platform: cannot read the requests of another platform', async () => {
  const text = JSON.stringify({ current: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' });
  const other = {
    type: 'generic',
    authentication: { kind: 'standard-webhooks' },
  };
  const harness = genericHarness({
    platforms: { generic: { authentication: { kind: 'standard-webhooks' } }, other },
    secrets: { 'erasure/platform/generic': text, 'erasure/platform/other': text },
  });
  expect(await harness.send(genericWire())).toMatchObject({ status: 200 });
  const toOther = (wire: ReturnType<typeof question>) => ({ ...wire, path: wire.path.replace('generic', 'other') });
  const ofTheirs = await harness.send(toOther(question('req-1')));
  expect(ofTheirs.status).toBe(404);
  expect(ofTheirs).toEqual(await harness.send(toOther(question('req-2'))));
  await harness.send(toOther(genericWire()));
  expect(await harness.receipts()).toMatchObject([{ platform: 'generic' }, { platform: 'other' }]);
});
