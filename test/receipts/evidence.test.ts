import { calculateJwkThumbprint, compactVerify, createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { pause, resume } from '../../lambda/control/pauses.ts';
import {
  addendumStatement,
  evidenceOf,
  evidenceType,
  issuer,
  keySet,
  storeAddendumSignature,
} from '../../lambda/receipts/evidence.ts';
import type { ProjectProgress, Receipt } from '../../lambda/receipts/receipt.ts';
import type { Addendum } from '../../lambda/receipts/row-schemas.ts';
import { harnessWithCallbacks } from '../support/callback-harness.ts';
import { beforeSigning, fixtureTime, type Harness } from '../support/harness.ts';
import { account, deleteRequest, ketchHarness, ketchWire, uid } from '../support/ketch.ts';
import { hour } from '../support/quota-world.ts';
import { expiresAt, now, receiptOf } from '../support/receipt-builders.ts';

/** As anybody does it who holds the public key set and a JOSE library, and nothing else. */
async function verified(jws: string, harness: Harness) {
  const published: unknown = JSON.parse(JSON.stringify(keySet(await harness.services.signer!.publicKey())));
  const keys = createLocalJWKSet(published as Parameters<typeof createLocalJWKSet>[0]);
  return jwtVerify(jws, keys, {
    issuer,
    typ: evidenceType,
    algorithms: ['ES256'],
    currentDate: new Date(harness.clock.now),
  });
}

async function onlyReceipt(harness: Harness): Promise<Receipt> {
  const [receipt] = await harness.receipts();
  return receipt!;
}

async function erasedHarness(): Promise<Harness> {
  const harness = ketchHarness();
  await harness.send(ketchWire(deleteRequest()));
  expect(await harness.sweepAndVerify()).toMatchObject({ signed: 1, unsigned: 0 });
  return harness;
}

describe('evidence of an erasure', () => {
  test('verification: works offline with a public key set and a standard JOSE library', async () => {
    const harness = await erasedHarness();
    const { evidence = '' } = await onlyReceipt(harness);
    const { payload, protectedHeader } = await verified(evidence, harness);
    const { kty, crv, x, y } = await harness.services.signer!.publicKey();
    const kid = await calculateJwkThumbprint({ kty, crv, x, y });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'erasure-evidence+jwt', kid });
    expect(payload.iat).toBe(fixtureTime / 1000 + 60);
  });

  test('content: has the auditor’s answers and no personal data', async () => {
    const harness = await erasedHarness();
    const receipt = await onlyReceipt(harness);
    const { evidence = '' } = receipt;
    const signed = decodeJwt(evidence);
    expect(signed).toEqual({ ...evidenceOf(receipt), iat: fixtureTime / 1000 + 60 });
    const at = new Date(fixtureTime).toISOString();
    const times = { submittedAt: '2026-01-15T11:00:00.000Z', receivedAt: at, dueAt: '2026-02-14T12:00:00.000Z' };
    expect(signed).toMatchObject({
      ...{ receipt: receipt.id, platform: 'ketch', reference: uid, outcome: 'erased', closedAt: at },
      authentication: { scheme: 'shared-secret', secret: 'current' },
      request: { payloadHmac: receipt.payloadHmac, subjectHmacs: receipt.subjectHmacs, ...times },
      projects: { main: { customers: 1, deletions: [{ proof: 'deleted', at, voucherify: { status: 'DONE' } }] } },
      verification: { result: 'absent', at: new Date(fixtureTime + 60_000).toISOString() },
    });
    const text = Buffer.from(evidence.split('.')[1] ?? '', 'base64url').toString();
    for (const personal of ['crm-10042', 'cust_', 'ada', 'example.com']) expect(text).not.toContain(personal);
  });

  test('missing submission time: is not attributed to the platform', async () => {
    const harness = ketchHarness();
    const { submittedTimestamp: _, ...request } = deleteRequest().request;
    await harness.send(ketchWire({ ...deleteRequest(), request }));
    await harness.sweepAndVerify();
    const { request: asked } = decodeJwt((await onlyReceipt(harness)).evidence ?? '') as { request: object };
    expect(asked).not.toHaveProperty('submittedAt');
  });

  test('changed character: fails verification', async () => {
    const harness = await erasedHarness();
    const { evidence = '' } = await onlyReceipt(harness);
    await verified(evidence, harness);
    for (let at = 0; at < evidence.length; at += 7) {
      if (evidence[at] === '.') continue;
      const other = evidence[at] === 'A' ? 'B' : 'A';
      const forged = `${evidence.slice(0, at)}${other}${evidence.slice(at + 1)}`;
      await expect(verified(forged, harness), `at ${at}`).rejects.toThrow();
    }
  });

  test('key of another deployment: fails verification', async () => {
    const { evidence = '' } = await onlyReceipt(await erasedHarness());
    await expect(verified(evidence, ketchHarness())).rejects.toThrow();
  });
});

describe('facts in the evidence', () => {
  const timeAt = (ms: number) => new Date(now + ms).toISOString();
  const authentication = { scheme: 'standard-webhooks', secret: 'current' };
  const payload = { payloadHmac: 'mac-of-payload', subjectHmacs: ['mac-of-email', 'mac-of-source-id'] };
  const common = { iss: issuer, v: 1, receipt: 'receipt-1', platform: 'generic', authentication };
  const asked = { what: 'permanent erasure', ...payload };

  test('open receipt without optional facts: states only what is known', () => {
    expect(evidenceOf(receiptOf({ submittedAt: now }))).toStrictEqual({
      ...common,
      request: { ...asked, receivedAt: timeAt(0) },
      firstReply: { as: 'accepted', at: timeAt(0) },
      outcome: 'open',
      projects: { main: { outcome: 'open', customers: 0, unproven: false, deletions: [] } },
      decisions: [],
    });
  });

  test('closed receipt with every fact: states each of them', () => {
    const received = { id: 'del_1', status: 'DONE', data_json: { customer: 1 } };
    const decision = { actor: 'ada', action: 'refuse', reason: 'asked to', reviewReason: 'legal-hold' } as const;
    const main: ProjectProgress = {
      ...{ state: 'erased', pins: 2, createdLater: 3, mayHaveExecuted: true, refusedLookUps: ['voucherify-400'] },
      residue: { before: { vouchers: 2 }, after: { vouchers: 0 }, at: now + 9 },
      deletions: [
        { project: 'main', pin: 0, proof: 'deleted', at: now + 1, received },
        { project: 'main', pin: 1, proof: 'gone', at: now + 2 },
      ],
    };
    const us: ProjectProgress = {
      ...{ state: 'open', pins: 1, mayHaveExecuted: true, deletions: [], residue: { before: {} } },
    };
    const receipt = receiptOf({
      ...{ reference: uid, state: 'refused', submittedAt: now - 1, dueAt: now + 20, closedAt: now + 4 },
      ...{ notLookedUp: ['phone'], reason: 'legal-hold', erasesAgain: 'receipt-0' },
      firstReply: { at: now + 3, as: 'in-progress' },
      legalHolds: [
        { hold: 'mac-1', from: now + 5, to: now + 6 },
        { hold: 'mac-2', from: now + 7 },
      ],
      callbackState: { tries: 3, delivered: [1], refused: [0, 2], endedAt: now + 8 },
      verification: { tries: 1, absent: [], result: 'stillPresent', at: now + 10 },
      decisions: [{ at: now + 11, ...decision }],
      projects: { main, us, eu: receiptOf().projects['main']! },
    });
    const auditLog = 'https://docs.voucherify.io/analyze/audit-logs';
    const deletions = [
      { proof: 'deleted', at: timeAt(1), voucherify: received },
      { proof: 'gone', at: timeAt(2) },
    ];
    expect(evidenceOf(receipt)).toStrictEqual({
      ...common,
      ...{ reference: uid, outcome: 'refused', closedAt: timeAt(4), reason: 'legal-hold', erasesAgain: 'receipt-0' },
      request: { ...asked, notLookedUp: ['phone'], submittedAt: timeAt(-1), receivedAt: timeAt(0), dueAt: timeAt(20) },
      firstReply: { as: 'in-progress', at: timeAt(3) },
      legalHolds: [
        { hold: 'mac-1', from: timeAt(5), to: timeAt(6) },
        { hold: 'mac-2', from: timeAt(7) },
      ],
      projects: {
        main: {
          ...{ outcome: 'erased', customers: 2, createdLater: 3, unproven: false, refusedLookUps: ['voucherify-400'] },
          residue: { before: { vouchers: 2 }, after: { vouchers: 0 }, at: timeAt(9) },
          deletions,
        },
        us: { outcome: 'open', customers: 1, unproven: true, residue: { before: {} }, deletions: [] },
        eu: { outcome: 'open', customers: 0, unproven: false, deletions: [] },
      },
      callbacks: { taken: 1, refused: 2, tries: 3, at: timeAt(8) },
      verification: { result: 'stillPresent', at: timeAt(10) },
      decisions: [{ at: timeAt(11), ...decision }],
      notCounted: {
        exports: auditLog,
        'files of background tasks': auditLog,
        'the audit log': auditLog,
        'sent webhooks': auditLog,
        backups: 'https://docs.voucherify.io/guides/security',
      },
    });
  });

  test('open callbacks and verification: have no time yet', () => {
    const callbackState = { tries: 1, delivered: [], refused: [], retryAt: now + 1 };
    const { callbacks } = evidenceOf(receiptOf({ callbackState }));
    expect(callbacks).toStrictEqual({ taken: 0, refused: 0, tries: 1 });
    for (const part of [{ lookAt: now }, { result: 'absent' }, { at: now }] as const) {
      const verification = { tries: 1, absent: [], ...part };
      expect(evidenceOf(receiptOf({ verification }))).not.toHaveProperty('verification');
    }
  });
});

describe('signing', () => {
  test('signed receipt: never changes again', async () => {
    const harness = await erasedHarness();
    const signed = await onlyReceipt(harness);
    expect(signed).not.toHaveProperty('queue');
    expect(signed).not.toHaveProperty('nextAttemptAt');
    for (let later = 0; later < 3; later += 1) {
      expect(await harness.sweep(harness.clock.now + hour)).toMatchObject({ signed: 0 });
      await harness.send(ketchWire(deleteRequest()));
    }
    expect(await onlyReceipt(harness)).toEqual(signed);
  });

  test('callback: is sent before and is part of the evidence', async () => {
    const open = await harnessWithCallbacks();
    expect((await open.receipt()).evidence).toBeUndefined();
    await open.sweepAfter(hour);
    const at = new Date(open.harness.clock.now).toISOString();
    await open.sweepAfter(60_000);
    const receipt = await open.receipt();
    const { payload } = await verified(receipt.evidence ?? '', open.harness);
    expect(payload).toMatchObject({
      outcome: 'erased',
      firstReply: { as: 'in-progress', at: new Date(fixtureTime).toISOString() },
      callbacks: { taken: 1, refused: 0, tries: 1, at },
    });
  });

  test('no match: is signed and never called erased', async () => {
    const harness = ketchHarness();
    await harness.send(ketchWire(deleteRequest({ identities: [account('nobody-here')] })));
    await harness.sweep();
    const { payload } = await verified((await onlyReceipt(harness)).evidence ?? '', harness);
    expect(payload).toMatchObject({ outcome: 'no-match', projects: { main: { customers: 0, deletions: [] } } });
    expect(payload['request']).not.toHaveProperty('notLookedUp');
  });

  test('identifiers that cannot be looked up: are named by their kind', async () => {
    const harness = ketchHarness();
    const phone = { identitySpace: 'phone', identityFormat: 'raw', identityValue: '+48500600700' };
    const malformed = { identitySpace: 'email', identityFormat: 'raw', identityValue: 'not an address' };
    await harness.send(ketchWire(deleteRequest({ identities: [account('nobody-here'), phone, malformed] })));
    await harness.sweep();
    const { payload } = await verified((await onlyReceipt(harness)).evidence ?? '', harness);
    expect(payload).toMatchObject({ outcome: 'not-identifiable', request: { notLookedUp: ['email', 'phone'] } });
    expect(JSON.stringify(payload)).not.toMatch(/500600700|not an address/);
  });
});

describe('first reply in the evidence', () => {
  const answerOf = async (harness: Harness) => {
    await harness.sweepAndVerify();
    return decodeJwt((await onlyReceipt(harness)).evidence ?? '')['firstReply'];
  };

  test('platform that had to send the request again: is not called in progress', async () => {
    const harness = ketchHarness();
    const why = { actor: 'ops', reason: 'look', at: fixtureTime };
    await pause('all', why, harness.services.control);
    expect((await harness.send(ketchWire(deleteRequest()))).status).toBe(503);
    await resume('all', why, harness.services.control);
    harness.clock.now += hour;
    expect(await answerOf(harness)).toEqual({ as: 'send-again', at: new Date(fixtureTime).toISOString() });
  });

  test('result in the reply: is the outcome', async () => {
    const harness = ketchHarness();
    await harness.send(ketchWire(deleteRequest()));
    harness.clock.now += hour;
    expect(await answerOf(harness)).toEqual({ as: 'outcome', at: new Date(fixtureTime).toISOString() });
  });
});

describe('unusable key', () => {
  const brokenFor = (times: number, called: () => void = () => {}) => {
    let left = times;
    const fail = () => {
      called();
      left -= 1;
      if (left >= 0) throw new Error('the key is disabled');
    };
    return ketchHarness(beforeSigning(fail));
  };

  async function threeUnsigned(failures: number): Promise<Harness> {
    const harness = await brokenFor(failures);
    for (const name of ['crm-10040', 'nobody-1', 'nobody-2']) {
      const metadata = { uid: uid.replace(/.$/, name.slice(-1)), tenant: 'axonic' };
      await harness.send(ketchWire(deleteRequest({ identities: [account(name)] }, { metadata })));
    }
    return harness;
  }

  test('passing failure: raises no alarm, nothing else waits, and the next sweep signs', async () => {
    const harness = await threeUnsigned(1);
    expect(await harness.sweep()).toMatchObject({ unsigned: 0, failed: 0 });
    expect(harness.alarms()).toEqual([]);
    expect(harness.lines).toContainEqual(expect.objectContaining({ event: 'attempt', code: 'signing-failed' }));
    const states = (await harness.receipts()).map(({ state }) => state);
    expect(states).toEqual(['no-match', 'no-match', 'no-match']);
    await harness.sweep(harness.clock.now + 60_000);
    for (const receipt of await harness.receipts()) await verified(receipt.evidence ?? '', harness);
  });

  test('failure for an hour: raises one alarm in each sweep until all are signed', async () => {
    const harness = await threeUnsigned(100);
    for (let minutes = 0; minutes < 60; minutes += 20) {
      expect(await harness.sweep()).toMatchObject({ signed: 0, unsigned: 0 });
      harness.clock.now += 20 * 60_000;
    }
    expect(harness.alarms()).toEqual([]);
    expect(await harness.sweep()).toMatchObject({ unsigned: 3 });
    expect(await harness.sweep(harness.clock.now + 60_000)).toMatchObject({ unsigned: 3 });
    expect(harness.alarms()).toEqual(['evidence-unsigned', 'evidence-unsigned']);
  });

  test('throttled key: one sweep stops after the first failures', async () => {
    let calls = 0;
    const harness = await brokenFor(1000, () => (calls += 1));
    for (let person = 10; person < 40; person += 1) {
      const metadata = { uid: uid.replace(/..$/, String(person)), tenant: 'axonic' };
      await harness.send(ketchWire(deleteRequest({ identities: [account(`nobody-${person}`)] }, { metadata })));
    }
    await harness.sweep();
    expect(calls).toBeLessThanOrEqual(5);
  });
});

test('change during signing: the evidence is signed again with all of it', async () => {
  let intercept: () => Promise<void> = async () => undefined;
  const harness = ketchHarness(beforeSigning(() => intercept()));
  await harness.send(ketchWire(deleteRequest()));
  const { store } = harness.services;
  intercept = async () => {
    intercept = async () => undefined;
    const receipt = await onlyReceipt(harness);
    const decision = { at: harness.clock.now, actor: 'ada', action: 'retry', reason: 'look again' } as const;
    await store.replace({ ...receipt, revision: receipt.revision + 1, decisions: [decision] });
  };
  await harness.sweepAndVerify();
  // At first it was not signed, and then it is, with another look.
  expect(await harness.sweep()).toMatchObject({ signed: 1, unsigned: 0 });
  const { evidence = '' } = await onlyReceipt(harness);
  const { payload } = await compactVerify(
    evidence,
    createLocalJWKSet(keySet(await harness.services.signer!.publicKey())),
  );
  expect(new TextDecoder().decode(payload)).toContain('look again');
});

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
