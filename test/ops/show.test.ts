import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { localSigner } from '../../infra/local/embedded-secrets.ts';
import type { OpsContext } from '../../infra/ops/context.ts';
import { auditAnswers, notificationLines } from '../../infra/ops/show/audit-report.ts';
import { certificateHtml } from '../../infra/ops/show/certificate.ts';
import { releaseLegalHold, setLegalHold } from '../../lambda/control/legal-holds.ts';
import { type Evidence, evidenceOf } from '../../lambda/receipts/evidence.ts';
import { nextRevision, type Receipt } from '../../lambda/receipts/receipt.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { claimedOnce, now } from '../support/attempt-results.ts';
import { chromiumForSuite, findChromium } from '../support/chromium.ts';
import { contextWith } from '../support/event.ts';
import { fixtureTime, iso } from '../support/harness.ts';
import { account, addPerson } from '../support/ketch.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import {
  byEmail,
  erased,
  errors,
  type OpsHarness,
  opsHarness,
  readReceipt,
  run,
  stopped,
  test,
} from './ops-harness.ts';

const headings = [
  ...['When was it received?', 'How did it arrive, and how was the sender authenticated?', 'What was requested?'],
  ...['When was it answered, and how?', 'What was done, and where?', 'What is the proof?'],
  ...['Was the customer gone afterwards?', 'Why was it refused or reviewed?', 'Who was notified?'],
  ...['Where can data remain?', 'Did the person come back?', 'Signature'],
] as const;

/** The lines under each heading. */
async function sections(at: OpsHarness, id: string): Promise<Readonly<Record<string, string>>> {
  const [, ...parts] = (await at.run('show', id)).lines.join('\n').split('\n\n');
  const cut = (part: string) => part.indexOf('\n');
  return Object.fromEntries(parts.map(part => [part.slice(0, cut(part)), part.slice(cut(part) + 1)]));
}

async function rewritten(at: OpsHarness, id: string, change: Partial<Receipt>): Promise<void> {
  expect(await at.context.store.replace(nextRevision(await readReceipt(at, id), change))).toBe(true);
}

describe('show: an erased receipt', () => {
  test('sections: answer the nine questions and say what stays elsewhere', async ({ at }) => {
    addPerson(at.harness, 'crm-1');
    const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
    const id = await at.request([account('crm-1'), byEmail('zoe@example.com')], { uid });
    await at.sweep();
    const [{ deletionId } = { deletionId: '' }] = at.harness.sandbox.deletions();
    const said = await sections(at, id);
    expect(Object.keys(said)).toEqual(headings);
    const expected: readonly (readonly (string | RegExp)[])[] = [
      ['2026-01-15T12:00:00.000Z', '2026-01-15T11:00:00.000Z', '2026-02-14T12:00:00.000Z'],
      ['the webhook of ketch', uid, '(shared-secret), with the current secret'],
      ['permanent erasure of one person with 2 identifiers'],
      ['at 2026-01-15T12:00:00.000Z, with the outcome', 'closed at 2026-01-15T12:00:00.000Z: erased'],
      ['project main: erased; one customer found', `Voucherify’s deletion ${deletionId}, DONE; customer 1, `],
      ['deleted (1): Voucherify returned the record'],
      ['2026-01-15T12:01:00.000Z  absent: Voucherify answered that each deleted customer does not exist'],
      ['no review was needed'],
      ['ketch, by the reply above'],
      [/audit log.*6 or 12 months[\s\S]*exports[\s\S]*backups[\s\S]*other systems/],
      ['no event about a customer with these identifiers was received'],
      [
        /signed at 2026-01-15T12:01:00Z with the key \S{43}; the signature is valid/,
        'the receipt matches the signed evidence',
      ],
    ];
    for (const [index, heading] of headings.entries()) {
      for (const text of expected[index]!) expect(said[heading]).toMatch(text);
    }
  });

  test('proof: distinguishes deleted, gone and unproven, and reports a missing signature', async ({ at }) => {
    const id = await erased(at);
    const { evidence: _, ...row } = await readReceipt(at, id);
    const main = row.projects['main']!;
    const gone = { project: 'main', pin: 1, proof: 'gone', at: at.harness.clock.now } as const;
    const us = { ...main, mayHaveExecuted: true, state: 'open', deletions: [] } as const;
    const projects = { main: { ...main, pins: 2, deletions: [...main.deletions, gone] }, us };
    await at.context.store.replace(nextRevision(row, { projects }));
    const said = await sections(at, id);
    expect(said['What was done, and where?']).toMatch(/ {2}gone at \S+Z$/m);
    expect(said['What was done, and where?']).toContain('project us: not finished');
    expect(said['What is the proof?']).toContain('deleted (1)');
    const gone1 = 'gone (1): Voucherify answered that the customer found before does not exist';
    expect(said['What is the proof?']).toContain(gone1);
    expect(said['What is the proof?']).toContain('project us: a deletion was sent, but its effect is not proved');
    expect(said['Signature']).toContain('THE SIGNATURE IS MISSING');
    expect(await at.run('show', id)).toMatchObject({ status: 1 });
    const printed = errors();
    expect(await at.run('show', id, '--jws')).toMatchObject({ status: 1, lines: [] });
    expect(printed).toHaveBeenCalledWith('THE SIGNATURE IS MISSING: the receipt is finished but not signed');
  });

  test('--json: prints the evidence and its state', async ({ at }) => {
    const id = await erased(at);
    const { status, json } = await at.run('show', id, '--json');
    expect(status).toBe(0);
    expect(json).toEqual({
      ...(JSON.parse(JSON.stringify(evidenceOf(await readReceipt(at, id)))) as object),
      reappearances: [],
      waitsFor: null,
      nextAttemptAt: null,
      lastResult: 'erased',
      attempts: 1,
      dueAt: '2026-02-14T12:00:00Z',
      deadlineUsedPercent: 0,
      signed: true,
      signature: { keyId: expect.any(String), at: '2026-01-15T12:01:00Z', verdict: 'good', disagreeing: [] },
    });
  });

  test('--jws: prints the signed form, which a JOSE library verifies with the output of jwks', async ({ at }) => {
    const id = await erased(at);
    const { json } = await at.run('jwks');
    const { lines, status } = await at.run('show', id, '--jws');
    expect([status, lines.length]).toEqual([0, 1]);
    const { payload } = await compactVerify(lines[0]!, createLocalJWKSet(json as JSONWebKeySet));
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ receipt: id, outcome: 'erased' });
  });
});

const forged = async (at: OpsHarness, id: string) => {
  const [header, payload, signature] = (await readReceipt(at, id)).evidence!.split('.');
  const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, outcome: 'no-match' })).toString('base64url');
  await rewritten(at, id, { evidence: `${header}.${changed}.${signature}` });
};

describe('show: evidence that proves nothing', () => {
  const differing = (at: OpsHarness, id: string) => rewritten(at, id, { platform: 'another', reason: 'made-up' });
  const unavailable = { publicKey: () => Promise.reject(new Error('no')) };

  test.each<
    [string, (at: OpsHarness, id: string) => unknown, OpsContext['signer'] | undefined, string, string, object]
  >([
    [
      'receipt that differs',
      differing,
      undefined,
      'DIFFERS FROM THE SIGNED EVIDENCE: platform, reason',
      'the receipt differs from the signed evidence',
      { verdict: 'good', disagreeing: ['platform', 'reason'] },
    ],
    ['forged', forged, undefined, 'INVALID', 'THE SIGNATURE IS INVALID: the evidence was changed', { verdict: 'bad' }],
    ['another key', () => 0, localSigner(':memory:'), 'signed with another key', 'signed with another key', {}],
    ['unavailable key', () => 0, unavailable, 'was not verified', 'the signature was not verified', {}],
  ])('%s: is named, and gets no certificate', async (_, prepare, signer, line, why, signature) => {
    const at = await opsHarness();
    const id = await erased(at);
    await prepare(at, id);
    const context = { ...at.context, ...(signer && { signer }) };
    const said = errors();
    const { status, lines } = await run(context, 'show', id);
    expect([status, lines.join('\n')]).toEqual([1, expect.stringContaining(line)]);
    // What was signed is shown.
    expect(lines.join('\n')).toContain('the webhook of ketch');
    expect(lines.join('\n')).not.toMatch(/the webhook of another|made-up/);
    expect((await run(context, 'show', id, '--json')).json).toMatchObject({ signature });
    expect(await run(context, 'show', id, '--html')).toMatchObject({ status: 1, lines: [] });
    expect(said).toHaveBeenCalledWith(expect.stringContaining(`no certificate: ${why}`));
  });

  test('unknown form: is named, and nothing is shown', async ({ at }) => {
    const id = await erased(at);
    const said = errors();
    await rewritten(at, id, { evidence: 'e30.e30.e30' });
    expect(await at.run('show', id)).toMatchObject({ status: 1, lines: [] });
    expect(said).toHaveBeenCalledWith(expect.stringContaining('an unknown format'));
  });
});

describe('show: an unfinished receipt', () => {
  test('sections: say what it waits for, and that nothing is signed', async ({ at }) => {
    const id = await stopped(at);
    const { lines, status } = await at.run('show', id);
    expect(status).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      `receipt ${id}`,
      'needs-review: too-many-matches',
      'next attempt: after a decision; due at 2026-02-14T12:00:00Z, 0 % of the time used',
    ]);
    const said = await sections(at, id);
    expect(said['When was it answered, and how?']).toContain('that it was in progress');
    expect(said['When was it answered, and how?']).toContain('not finished: needs-review');
    expect(said['What is the proof?']).toContain('not finished: nothing is deleted yet');
    expect(said['Who was notified?']).toContain('no one yet');
    expect(said['Signature']).toContain('not signed: the receipt is not closed yet');
    const { json } = await at.run('show', id, '--json');
    expect(json).toMatchObject({ outcome: 'needs-review', signed: false, waitsFor: 'needs-review' });
    const printed = errors();
    for (const form of ['--jws', '--html'])
      expect(await at.run('show', id, form)).toMatchObject({ status: 1, lines: [] });
    expect(printed.mock.calls.flat()).toEqual(Array(2).fill('not signed: the receipt is not closed yet'));
  });

  test('decisions: are listed with name and reason, and who was called back', async ({ at }) => {
    const id = await stopped(at);
    await at.run('retry', id, '--max', '6', '--by', 'zoe', '--why', 'a\nfamily\u001b[2J\u202e');
    await at.sweep();
    await at.run('refuse', id, '--by', 'max', '--why', 'a shared mailbox');
    const why = 'Why was it refused or reviewed?';
    expect((await sections(at, id))[why]).toContain('of at most 6 customers a project by zoe');
    await at.sweep();
    const said = await sections(at, id);
    expect(said[why]!.split('\n')).toEqual([
      '  review: too-many-matches',
      '  2026-01-15T12:00:00.000Z  retry, of at most 6 customers a project by zoe, after too-many-matches: a family [2J ',
      '  2026-01-15T12:01:00.000Z  refuse by max, after too-many-matches: a shared mailbox',
    ]);
    const notified = '  ketch, by callbacks: 1 delivered, 0 rejected, in one try; finished at 2026-01-15T12:02:00.000Z';
    expect(said['Who was notified?']).toBe(notified);
    expect(said['Signature']).toContain('the signature is valid');
  });

  test('no match: says whether anyone could be looked up', async ({ at }) => {
    const none = await at.request([account('crm-unknown')]);
    const phone = await at.request([{ identitySpace: 'phone', identityFormat: 'raw', identityValue: '+15550100' }]);
    const done = 'What was done, and where?';
    expect((await sections(at, none))[done]).toContain('no match for these identifiers');
    expect((await sections(at, phone))[done]).toContain('can be looked up in Voucherify');
    expect((await sections(at, none))['Signature']).toContain('not signed yet');
  });

  test('look-ups: says how many are done, if the next attempt continues them', async ({ at }) => {
    const { projects, ...facts } = receiptOf({ id: 'continued', platform: 'ketch' });
    const main = { ...projects['main']!, lookedUp: 2 };
    const isRefused = { ...main, refusedLookUps: ['voucherify-400'] };
    const states = [main, isRefused, { ...isRefused, lookUpAgain: true }];
    const lines = await Promise.all(
      states.map(async (progress, number) => {
        const receipt = { ...facts, id: `continued-${number}`, projects: { main: progress } };
        await at.harness.services.store.accept(receipt, kept);
        return (await at.run('show', receipt.id)).lines;
      }),
    );
    const line = 'project main: 2 look-ups done, continued at the next attempt';
    expect(lines.map(all => all.includes(line))).toEqual([true, false, true]);
  });

  test('times: says when the platform stated none', async ({ at }) => {
    const receipt = receiptOf({ id: 'r-1', receivedAt: fixtureTime, submittedAt: fixtureTime });
    await at.harness.services.store.accept(receipt, kept);
    const none =
      'did not state when the person made the request; due date: none given; the legal default of one month applies';
    expect((await sections(at, 'r-1'))['When was it received?']).toContain(none);
  });

  test.each(['erase', 'accept'] as const)('request by hand (%s): says who asked, why, and who knows', async action => {
    const at = await opsHarness();
    const handler = webhookHandler(() => at.harness.services);
    addPerson(at.harness, 'crm-1');
    const reference = '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11';
    const requests = [{ reference, identifiers: [{ kind: 'source_id' as const, value: 'crm-1' }] }];
    await handler({ manual: { action, requests, by: 'zoe', reason: 'a letter' } }, contextWith(60_000));
    await at.harness.sweepAndVerify();
    const [receipt] = await at.harness.receipts();
    const said = await sections(at, receipt!.id);
    const byHand = `  by hand, by the operator zoe: a letter\n  their account was checked by AWS (IAM); its request id: ${reference}`;
    expect(said['How did it arrive, and how was the sender authenticated?']).toBe(byHand);
    expect(said['When was it received?']).toContain('the operator did not state when the person made the request');
    expect(said['Why was it refused or reviewed?']).toBe('  not refused, and no review was needed');
    const notified = {
      erase: 'the operator, by the reply above',
      accept: 'no one: the operator reads the outcome with this tool',
    };
    expect(said['Who was notified?']).toBe(`  ${notified[action]}`);
    expect((await at.run('show', receipt!.id, '--html')).lines.join()).toContain('by the operator zoe: a letter');
  });

  test('receipt id: exactly one that exists', async ({ at }) => {
    const said = errors();
    expect(await at.run('show', 'ada@example.com')).toMatchObject({ status: 1, lines: [] });
    expect(said.mock.calls).toEqual([['receipt not found']]);
    for (const ids of [[], ['a', 'b']]) {
      await expect(at.run('show', ...ids)).rejects.toThrow('show: give one receipt id');
    }
  });
});

describe('show: what to do next', () => {
  test('too many matches: shows their number, the limit and the command', async ({ at }) => {
    const id = await stopped(at, 'shared@example.com', 7);
    const { lines } = await at.run('show', id);
    expect(lines).toContain('project main: at least 7 customers match; the limit is 5 (customersPerRequest)');
    expect(lines).toContain(`  npm run ops -- retry ${id} --max 7 --why "…"`);
    expect(lines).toContain(`  npm run ops -- refuse ${id} --why "…"`);
    expect((await at.run('show', id, '--json')).json).toMatchObject({
      next: [expect.stringContaining('--max 7'), expect.stringContaining('refuse')],
    });
  });

  test('more matches than an operator may allow: only a refusal is possible', async ({ at }) => {
    const lines = (await at.run('show', await stopped(at, 'shared@example.com', 60))).lines.join('\n');
    expect(lines).toMatch(/at least \d+ customers match/);
    expect(lines).not.toContain('--max');
    expect(lines).toContain('npm run ops -- refuse');
  });

  test.each([
    ['wrong-customer-deleted', ['pause all', 'refuse']],
    ['other-app-id', ['retry', '--same-project']],
    ['unseen-unproven', ['accept-partial']],
    ['identifiers-missing', ['refuse']],
    ['unproven-responses', ['retry', 'doctor']],
  ])('%s: names the commands of the runbook', async (reason, commands) => {
    const at = await opsHarness();
    const id = await stopped(at);
    await rewritten(at, id, { reason });
    const lines = (await at.run('show', id)).lines.join('\n');
    expect(lines).toMatch(/^next: RUNBOOK\.md#(needs-review|wrong-customer-deleted)$/m);
    for (const command of commands) expect(lines).toContain(command);
    expect(lines).toContain(id);
  });

  test('pause: is named as what stops an open receipt', async ({ at }) => {
    await at.run('pause', 'platform:ketch', '--by', 'zoe', '--why', 'a drill');
    const id = await at.request([account('crm-1')]);
    const { lines } = await at.run('show', id);
    expect(lines).toContain('  npm run ops -- resume platform:ketch --why "…"');
    expect(lines.join('\n')).toContain('stopped by the pause of platform:ketch');
  });

  test('delay: says until when, also while a preview waits, and how to preview or refuse', async () => {
    const at = await opsHarness({ limits: { delaySeconds: 3600 } });
    const id = await at.request([account('crm-1')]);
    await at.run('preview', id);
    const lines = (await at.run('show', id)).lines.join('\n');
    expect(lines).toContain('next attempt: after 2026-01-15T13:00:00Z');
    expect(lines).toContain('delayed by delaySeconds until 2026-01-15T13:00:00Z');
    expect(lines).toContain(`npm run ops -- preview ${id}`);
  });

  test('blocked calls: are named with their end', async ({ at }) => {
    at.harness.sandbox.outage('quota');
    const id = await at.request([account('crm-1')]);
    const blocked = /project main: calls are blocked until \S+ \(quota-exhausted\)/;
    expect((await at.run('show', id)).lines.join('\n')).toMatch(blocked);
    const { lines } = await at.run('retry', id, '--by', 'zoe', '--why', 'a drill');
    expect(lines[0]).toMatch(/retried later: project main: calls/);
  });

  test('legal hold: is named while it is in effect, and afterwards when the erasure continues', async ({ at }) => {
    at.harness.sandbox.outage('error');
    const id = await at.request([account('crm-1')]);
    const hold = (await at.harness.services.pseudonymizer()).subject({ kind: 'source_id', value: 'crm-1' });
    const terms = { actor: 'ada', reason: 'a lawsuit', at: at.harness.clock.now };
    const until = at.harness.clock.now + 86_400_000;
    await setLegalHold({ id: hold, kind: 'source_id', until, ...terms }, at.context.control);
    await rewritten(at, id, {
      ...{ state: 'needs-review', reason: 'legal-hold', queue: 'held', legalHolds: [{ hold, from: 0 }] },
      nextAttemptAt: at.harness.clock.now + 900_000,
    });
    const shown = async () => (await at.run('show', id)).lines.join('\n');
    expect(await shown()).toContain(`held by the legal hold ${hold}`);
    expect(await shown()).toContain(`npm run ops -- release ${hold}`);
    await releaseLegalHold(hold, terms, at.context.control);
    expect(await shown()).toContain('its legal hold has ended: it continues by itself after 2026-01-15T12:15:00Z');
    expect(await shown()).not.toContain('npm run ops -- release');
  });

  test('finished receipt: needs no command', async ({ at }) => {
    const { lines } = await at.run('show', await erased(at));
    expect(lines.join('\n')).not.toMatch(/^next:/m);
  });

  test('platform without callbacks: was answered with an error, not with "in progress"', async ({ at }) => {
    at.harness.sandbox.outage('error');
    const id = await at.request([account('crm-1')]);
    const said = (await sections(at, id))['When was it answered, and how?'];
    expect(said).toContain('with an error (503): the platform was to send the request again');
    expect(said).not.toContain('in progress');
  });
});

describe('show: lines', () => {
  const evidence = evidenceOf(claimedOnce());
  const at = iso(now);

  const callbacks = { taken: 0, refused: 1, tries: 3 };
  test.each<[string, Partial<Evidence>]>([
    ['no callback was sent; generic gets the outcome when it repeats the request', { closedAt: at }],
    ['generic, by callbacks: 0 delivered, 1 rejected, in 3 tries; not finished', { callbacks }],
  ])('who was notified: %s', (line, more) => {
    expect(notificationLines({ ...evidence, ...more })).toEqual([line]);
  });
});

describe('show: what Voucherify listed', () => {
  const before = { redemptions: 2, publications: 1, vouchers: 'platform-waits', memberships: 'no-total' };
  const after = { redemptions: 'no-total', publications: 0, vouchers: 3, memberships: 'no-total' };
  const linesOf = (residue: object) => {
    const receipt = claimedOnce();
    const [[name, progress] = ['main', undefined]] = Object.entries(receipt.projects);
    const projects = { [name]: { ...progress!, residue } as typeof progress & {} };
    const evidence = evidenceOf({ ...receipt, projects });
    const linesBelow = (of: string) => auditAnswers(evidence).find(({ heading }) => heading === of)?.lines ?? [];
    return [linesBelow('What was done, and where?')[1], ...linesBelow('Where can data remain?')];
  };

  test('counted: says what there was, what is left and what cannot be counted, never 0 for the last', () => {
    const [counted, elsewhere, ...others] = linesOf({ before, after, at: now });
    expect(counted).toBe(
      '  listed before the deletion, then after it: redemptions 2, then cannot be counted (no total); publications 1, then not listed any more; ' +
        'vouchers cannot be counted (deleted at once), then 3; memberships cannot be counted (no total)',
    );
    expect(elsewhere).toBe(
      'cannot be counted: exports, files of background tasks, the audit log, sent webhooks ' +
        '(https://docs.voucherify.io/analyze/audit-logs); backups (https://docs.voucherify.io/guides/security)',
    );
    expect(others).toHaveLength(1);
  });

  test('not counted after the deletion: says so', () => {
    expect(linesOf({ before })[0]).toContain('publications 1, then not counted yet');
  });

  test('certificate of one project: shows all of it', () => {
    const [main] = Object.values(certified.evidence.projects);
    const projects = { main: { ...main!, residue: { before, after } } };
    const notCounted = { exports: 'https://docs.voucherify.io/analyze/audit-logs' };
    const text = certificateOf({ projects, notCounted });
    for (const line of ['redemptions 2, then', 'cannot be counted: exports (https://']) expect(text).toContain(line);
    expect(text).not.toContain('(cut)');
  });

  test('setting that is off: says where data can remain, without counts', () => {
    const answers = auditAnswers(evidenceOf(claimedOnce()));
    const { lines = [] } = answers.find(({ heading }) => heading === 'Where can data remain?') ?? {};
    expect(lines).toHaveLength(3);
    expect(lines.join()).not.toMatch(/listed|counted/);
  });
});

/** Evidence of an erased receipt, as the certificate gets it. */
const certified = {
  evidence: { ...evidenceOf(claimedOnce()), outcome: 'erased', closedAt: iso(now) } satisfies Evidence as Evidence,
  jws: 'a.b.c',
  keyId: 'k'.repeat(43),
  at: now,
  reappearances: [],
};

const certificateOf = (change: Partial<Evidence>) =>
  certificateHtml({ ...certified, evidence: { ...certified.evidence, ...change } });

function withDecisions(count: number, reason: string): Evidence {
  const one = { at: iso(now), actor: 'zoe', action: 'retry', reason } as const;
  return { ...certified.evidence, decisions: Array.from({ length: count }, () => one) };
}

/** Evidence with the most that a receipt can say: many projects, customers, decisions and refused look-ups. */
function longestEvidence(): Evidence {
  const counts = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`kind_of_record_${at}`, 1_000_000]));
  const unknown = Object.fromEntries(['redemptions', 'publications', 'vouchers'].map(kind => [kind, 'voucherify-403']));
  const notCounted = { exports: 'https://docs.voucherify.io/analyze/audit-logs' };
  const deletion = {
    proof: 'deleted',
    at: iso(now),
    voucherify: { id: `del_${'0'.repeat(60)}`, status: 'DONE', data_json: { customer: 1, ...counts } },
  } as const;
  const project = {
    outcome: 'erased',
    customers: 50,
    unproven: true,
    refusedLookUps: Array.from({ length: 30 }, () => 'voucherify-400'),
    deletions: Array.from({ length: 50 }, () => deletion),
    residue: { before: unknown, after: unknown, at: iso(now) },
  } as const;
  const projects = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`project-${at}`, project]));
  const verification = { result: 'stillPresent', at: iso(now) };
  return { ...withDecisions(12, 'W'.repeat(500)), projects, notCounted, verification } as unknown as Evidence;
}

describe('show --html: the certificate', () => {
  test('erased: has the answers, the limits and the fingerprint of the signed evidence', async ({ at }) => {
    const id = await erased(at);
    const { status, lines } = await at.run('show', id, '--html');
    const text = lines.join('\n');
    expect(status).toBe(0);
    for (const heading of headings.slice(0, -1)) expect(text).toContain(heading);
    expect(text).toContain('<h1>Certificate of erasure</h1>');
    expect(text).toContain('15 January 2026, 12:00:00 UTC');
    expect(text).not.toMatch(/\d{4}-\d{2}-\d{2}T/);
    expect(text).toContain('What this does not prove');
    expect(text).not.toContain('(cut)');
    const jws = (await at.run('show', id, '--jws')).lines[0]!;
    const digest = createHash('sha256').update(`${jws}\n`).digest('hex');
    expect(text.replaceAll(/\s/g, '')).toContain(digest);
    const { json } = await at.run('show', id, '--json');
    expect(text).toContain((json as { signature: { keyId: string } }).signature.keyId);
  });

  test('other outcomes: are called a record of a request, and never say that a person was erased', async ({ at }) => {
    const id = await at.request([account('crm-unknown')]);
    await at.sweep();
    const text = (await at.run('show', id, '--html')).lines.join('\n');
    expect(text).toContain('<h1>Record of an erasure request</h1>');
    expect(text).toContain('No customer matched');
    expect(text).not.toContain('Certificate of erasure');
  });

  test('customer still present: is said first, and the page is no certificate', () => {
    const verification = { result: 'stillPresent', at: '2026-01-15T13:00:00.000Z' } as const;
    const text = certificateOf({ verification });
    expect(text).toContain('<h1>Record of an erasure request</h1>');
    expect(text).toContain('it still returned a deleted customer an hour or more later');
    expect(text).not.toMatch(/Every customer found/);
  });

  test.each(['erased', 'no-match'] as const)('partial result (%s): says that an operator accepted it', outcome => {
    const [decision] = withDecisions(1, 'the rest is gone').decisions;
    const decisions = [{ ...decision!, action: 'accept-partial' as const }];
    const text = certificateOf({ outcome, decisions });
    expect(text).toContain('An operator accepted a partial result');
    expect(text).toContain('<h1>Record of an erasure request</h1>');
    expect(text).not.toMatch(/Every customer found|No customer matched/);
  });

  test('erased in one project only: says that this does not hold for every project', () => {
    const textOf = (other: 'no-match' | 'not-identifiable') => {
      const [main] = Object.values(certified.evidence.projects);
      const projects = { main: { ...main!, outcome: 'erased' as const }, us: { ...main!, outcome: other } };
      return certificateOf({ projects });
    };
    expect(textOf('no-match')).not.toContain('does not hold');
    expect(textOf('not-identifiable')).toContain('This does not hold for every project');
  });

  test('formats: only one at once', async ({ at }) => {
    for (const other of ['--jws', '--json']) {
      await expect(at.run('show', 'a', '--html', other)).rejects.toThrow('show: only one of --html, --jws and --json');
    }
  });

  test('text of an operator: is escaped and cannot change the page', () => {
    const reason = '<img src=x onerror=alert(1)>&"\'\u202e\u001b[2J';
    const text = certificateHtml({ ...certified, evidence: withDecisions(1, reason) });
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;');
    expect(text).not.toMatch(/<img|<script|\p{Cf}/u);
    expect(text.split('\n').join('')).not.toMatch(/\p{Cc}/u);
  });
});

const chromiumPath = findChromium();

describe.skipIf(chromiumPath === undefined)('show --html: the certificate in Chromium', () => {
  const open = chromiumForSuite(chromiumPath);
  const openHtml = async (html: string) => {
    const file = join(temporaryFolder(), 'certificate.html');
    writeFileSync(file, html);
    return open(pathToFileURL(file).href);
  };
  const pagesOf = async (page: Page) =>
    (await page.pdf({ preferCSSPageSize: true })).toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g)?.length;

  test.each([
    ['ordinary receipt', certified.evidence],
    ['longest receipt', longestEvidence()],
  ])('%s: prints on one A4 page', async (_, evidence) => {
    const page = await openHtml(certificateHtml({ ...certified, evidence }));
    expect(await pagesOf(page)).toBe(1);
    // The count sees further pages.
    await page.evaluate("document.body.style.minHeight = '400mm'");
    expect(await pagesOf(page)).toBe(2);
  });

  test('text of an operator: is shown as typed, and no element or request comes from it', async () => {
    const page = await openHtml(
      certificateHtml({ ...certified, evidence: withDecisions(1, '<img src="https://example.com/x.png"><b>') }),
    );
    await page.getByText('<img src="https://example.com/x.png"><b>').waitFor();
    expect(await page.locator('img, script, link, iframe').count()).toBe(0);
  });

  test('390 pixels: nothing is wider than the screen', async () => {
    const page = await openHtml(certificateHtml({ ...certified, evidence: longestEvidence() }));
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
  });
});
