import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Addendum } from '../../lambda/receipts/row-schemas.ts';
import type { SelectPartition } from '../../lambda/receipts/rows.ts';
import type { PersonalDataWithPins, ReceiptStore } from '../../lambda/receipts/store.ts';
import {
  closed,
  expiresAt,
  kept,
  lookUps,
  next,
  now,
  personal,
  pins,
  putOff,
  queued,
  receiptOf,
  withLookUps,
  withPins,
} from '../support/receipt-builders.ts';

export interface OpenedStore {
  readonly store: ReceiptStore;
  close(): void | Promise<void>;
}

/** The contract of the port. `open` returns an empty store for every test. */
export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    let opened: OpenedStore;
    let store: ReceiptStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(async () => {
      await opened.close();
    });
    const pinnedInMain = async () => {
      const first = await accepted(receiptOf({}, ['main', 'us']));
      const pinned = withPins(first, 'main', 2);
      expect(await store.replace(pinned, { pins: { project: 'main', pins } })).toBe(true);
      return { first, pinned };
    };
    const expectData = async (id: string, rows: Partial<PersonalDataWithPins> = {}) =>
      expect(await store.readPersonalData(id)).toEqual({ ...kept, pins: {}, lookUps: {}, ...rows });
    const accepted = async (receipt: Receipt) => {
      expect(await store.accept(receipt, kept)).toEqual({ stored: true, receipt });
      return receipt;
    };

    describe('addenda', () => {
      const addendum: Addendum = {
        ...{ v: 1, receipt: 'receipt-1', event: 'mac-of-event', revision: 1, project: 'main' },
        ...{ type: 'customer.created', matched: ['email'], occurredAt: now, receivedAt: now + 1, expiresAt },
      };

      test('erased receipt: is found by its subjects with its time and expiry; no other receipt is', async () => {
        const receipt = await accepted(receiptOf());
        expect(await store.findErased('mac-of-email')).toEqual({ erased: [], hasOpen: true });
        await store.replace(closed(receipt), { deletePersonalData: true });
        const found = { erased: [{ id: 'receipt-1', erasedAt: now, expiresAt }], hasOpen: false };
        expect(await store.findErased('mac-of-email')).toEqual(found);
        expect(await store.findErased('mac-of-source-id')).toEqual(found);
        expect(await store.findErased('mac-of-another')).toEqual({ erased: [], hasOpen: false });
        const other = await accepted(receiptOf({ id: 'receipt-2' }));
        expect(await store.findErased('mac-of-email')).toEqual({ ...found, hasOpen: true });
        await store.replace({ ...closed(other), state: 'no-match' }, { deletePersonalData: true });
        expect(await store.findErased('mac-of-email')).toEqual(found);
      });

      test('what only a pinned customer has: finds the receipt from then on, and as erased only with this outcome', async () => {
        const resolvedHmacs = ['mac-of-resolved'];
        const pins = { project: 'main', pins: [] };
        const pinned = next(await accepted(receiptOf()), { resolvedHmacs });
        await store.replace(pinned, { pins });
        expect(await store.findErased('mac-of-resolved')).toEqual({ erased: [], hasOpen: true });
        await store.replace(closed(pinned), { deletePersonalData: true });
        const found = { erased: [{ id: 'receipt-1', erasedAt: now, expiresAt }], hasOpen: false };
        expect(await store.findErased('mac-of-resolved')).toEqual(found);
        const other = next(await accepted(receiptOf({ id: 'receipt-2' })), { resolvedHmacs });
        await store.replace(other, { pins });
        await store.replace({ ...closed(other), state: 'refused' }, { deletePersonalData: true });
        expect(await store.findErased('mac-of-resolved')).toEqual(found);
      });

      test('callback and signature after closing: do not change what was found', async () => {
        const end = closed(await accepted(receiptOf()));
        await store.replace(end, { deletePersonalData: true });
        await store.replace(next(end, { evidence: 'jws' }));
        const found = { erased: [{ id: 'receipt-1', erasedAt: now, expiresAt }], hasOpen: false };
        expect(await store.findErased('mac-of-email')).toEqual(found);
      });

      test('new addendum: is stored once, and due until it is signed', async () => {
        await store.addAddendum(addendum);
        await store.addAddendum({ ...addendum, channel: 'API' });
        expect(await store.addendaOf('receipt-1')).toEqual([addendum]);
        expect(await store.due('addendum', now, 10)).toEqual([]);
        const [id = '', ...others] = await store.due('addendum', now + 1, 10);
        expect(others).toEqual([]);
        expect(await store.readAddendum(id)).toEqual(addendum);
        const signed = { ...addendum, revision: 2, jws: 'jws' };
        expect(await store.replaceAddendum(signed)).toBe(true);
        expect(await store.replaceAddendum({ ...signed, jws: 'another' })).toBe(false);
        expect(await store.readAddendum(id)).toEqual(signed);
        expect(await store.due('addendum', now + 1, 10)).toEqual([]);
      });

      test('addenda of a receipt: are only its own, and no queue of receipts contains one', async () => {
        await store.addAddendum(addendum);
        await store.addAddendum({ ...addendum, event: 'mac-of-another-event' });
        await store.addAddendum({ ...addendum, receipt: 'receipt-10' });
        expect(await store.addendaOf('receipt-1')).toHaveLength(2);
        expect(await store.addendaOf('receipt-2')).toEqual([]);
        for (const queue of ['erase', 'callback', 'needs-review', 'sign'] as const)
          expect(await store.due(queue, now + 10, 10)).toEqual([]);
        expect(await store.readAddendum('receipt-2#mac-of-event')).toBeUndefined();
      });
    });

    describe('accept', () => {
      test('new receipt: stores receipt, personal data and one look-up row per subject', async () => {
        const receipt = await accepted(receiptOf({ reference: 'b3c1', dueAt: now + 1 }));
        expect(await store.read(receipt.id)).toEqual(receipt);
        await expectData(receipt.id);
        expect(await store.find('mac-of-email')).toEqual([receipt.id]);
        expect(await store.find('mac-of-source-id')).toEqual([receipt.id]);
      });

      test('existing receipt: is returned unchanged', async () => {
        const first = await accepted(receiptOf());
        const claim = putOff(first, now + 60_000);
        expect(await store.replace(claim)).toBe(true);
        const second = receiptOf({ platform: 'another', subjectHmacs: ['mac-of-another'] });
        expect(await store.accept(second, { ...kept, identifiers: [] })).toEqual({ stored: false, receipt: claim });
        expect(await store.read(first.id)).toEqual(claim);
        await expectData(first.id);
        expect(await store.find('mac-of-another')).toEqual([]);
      });

      test('deleted personal data: is not stored again', async () => {
        const first = await accepted(receiptOf());
        const end = closed(first);
        expect(await store.replace(end, { deletePersonalData: true })).toBe(true);
        expect(await store.accept(receiptOf(), kept)).toEqual({ stored: false, receipt: end });
        expect(await store.readPersonalData(first.id)).toBeUndefined();
      });

      test('twenty at once: stores one and returns it to all', async () => {
        const candidates = Array.from({ length: 20 }, (_, at) => receiptOf({ reference: `request-${at}` }));
        const answers = await Promise.all(candidates.map(candidate => store.accept(candidate, kept)));
        expect(answers.filter(answer => answer.stored)).toHaveLength(1);
        const standing = await store.read('receipt-1');
        expect(answers.map(answer => answer.receipt)).toEqual(candidates.map(() => standing));
      });

      test('twenty equal at once: stores one', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => store.accept(receiptOf(), kept)));
        expect(answers.filter(answer => answer.stored)).toHaveLength(1);
      });

      test('subjects: may repeat or be absent', async () => {
        await accepted(receiptOf({ subjectHmacs: ['mac', 'mac'] }));
        await accepted(receiptOf({ id: 'receipt-2', subjectHmacs: [] }));
        expect(await store.find('mac')).toEqual(['receipt-1']);
      });

      test('number of subjects: is limited to what one transaction can close', async () => {
        const subjectHmacs = Array.from({ length: 94 }, (_, at) => `mac-${at}`);
        const receipt = await accepted(receiptOf({ subjectHmacs }, ['main', 'us']));
        expect(await store.replace(closed(receipt), { deletePersonalData: true })).toBe(true);
        const larger = receiptOf({ id: 'receipt-2', subjectHmacs: [...subjectHmacs, 'one-more'] }, ['main', 'us']);
        await expect(store.accept(larger, kept)).rejects.toMatchObject({ code: 'too-large', alarm: undefined });
        expect(await store.read('receipt-2')).toBeUndefined();
        expect(await store.find('one-more')).toEqual([]);
      });
    });

    test('unknown id: is not found', async () => {
      expect(await store.read('nobody')).toBeUndefined();
      expect(await store.readPersonalData('nobody')).toBeUndefined();
      expect(await store.find('nobody')).toEqual([]);
      expect(await store.due('erase', now, 10)).toEqual([]);
    });

    describe('replace', () => {
      test('current revision: is replaced', async () => {
        const first = await accepted(receiptOf());
        const second = putOff(first, now + 60_000);
        const third = closed(second);
        expect(await store.replace(second)).toBe(true);
        expect(await store.replace(third)).toBe(true);
        expect(await store.read(first.id)).toEqual(third);
      });

      test.each([
        ['an older revision', 1],
        ['the current revision', 2],
        ['a revision that is not there yet', 4],
      ])('%s: is rejected', async (_, revision) => {
        const first = await accepted(receiptOf());
        const standing = putOff(first, now + 60_000);
        await store.replace(standing);
        const late = { ...closed(standing), revision };
        expect(await store.replace(late, { pins: { project: 'main', pins } })).toBe(false);
        expect(await store.replace(late, { deletePersonalData: true })).toBe(false);
        expect(await store.replace(late, { lookUps: [{ project: 'main', lookUps }] })).toBe(false);
        expect(await store.read(first.id)).toEqual(standing);
        await expectData(first.id);
        expect(await store.due('erase', now + 60_000, 10)).toEqual([first.id]);
      });

      test('missing receipt: is rejected', async () => {
        const next = putOff(receiptOf(), now + 60_000);
        expect(await store.replace(next, { pins: { project: 'main', pins } })).toBe(false);
        expect(await store.read(next.id)).toBeUndefined();
        expect(await store.readPersonalData(next.id)).toBeUndefined();
        expect(await store.due('erase', now + 60_000, 10)).toEqual([]);
      });

      test('twenty at once: has exactly one winner, which stays stored', async () => {
        const first = await accepted(receiptOf());
        const rivals = Array.from({ length: 20 }, (_, at) => putOff(first, now + 60_000 + at));
        const won = await Promise.all(rivals.map(rival => store.replace(rival)));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await store.read(first.id)).toEqual(rivals[won.indexOf(true)]);
      });

      test('twenty equal at once with pins: has exactly one winner', async () => {
        const first = await accepted(receiptOf());
        const next = withPins(first, 'main', pins.length);
        const rivals = Array.from({ length: 20 }, (_, at) => [{ ...pins[0]!, customerId: `cust_${at}` }, pins[1]!]);
        const won = await Promise.all(
          rivals.map(rival => store.replace(next, { pins: { project: 'main', pins: rival } })),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
        const stored = await store.readPersonalData(first.id);
        expect(stored?.pins).toEqual({ main: rivals[won.indexOf(true)] });
      });
    });

    describe('pins and personal data', () => {
      test('pins: are written with the receipt, one project at a time', async () => {
        const first = await accepted(receiptOf({}, ['main', 'us']));
        const second = withPins(first, 'main', 2);
        const third = withPins(second, 'us', 1);
        expect(await store.replace(second, { pins: { project: 'main', pins } })).toBe(true);
        expect(await store.replace(third, { pins: { project: 'us', pins: pins.slice(1) } })).toBe(true);
        expect(await store.read(first.id)).toEqual(third);
        await expectData(first.id, { pins: { main: pins, us: pins.slice(1) } });
      });

      test('other writes: keep them', async () => {
        const first = await accepted(receiptOf({ hasCallbacks: true }));
        const second = withPins(first, 'main', 2);
        await store.replace(second, { pins: { project: 'main', pins } });
        expect(await store.replace(closed(second), { deletePersonalData: false })).toBe(true);
        await expectData(first.id, { pins: { main: pins } });
      });

      test('deletion: keeps the receipt and its look-up rows', async () => {
        const { first, pinned } = await pinnedInMain();
        const end = closed(pinned);
        expect(await store.replace(end, { deletePersonalData: true })).toBe(true);
        expect(await store.readPersonalData(first.id)).toBeUndefined();
        expect(await store.read(first.id)).toEqual(end);
        expect(await store.find('mac-of-email')).toEqual([first.id]);
      });

      test('deletion: affects one receipt only', async () => {
        const first = await accepted(receiptOf());
        const other = await accepted(receiptOf({ id: 'receipt-2' }));
        await store.replace(closed(first), { deletePersonalData: true });
        await expectData(other.id);
        expect(await store.find('mac-of-email')).toEqual([first.id, other.id]);
      });
    });

    describe('completed look-ups', () => {
      const fewer = { ...lookUps, results: lookUps.results.slice(1) };
      const lookedUp = async () => {
        const first = await accepted(receiptOf({}, ['main', 'us']));
        const second = withLookUps(withLookUps(first, 'main', 2), 'us', 1);
        const both = [
          { project: 'main', lookUps },
          { project: 'us', lookUps: fewer },
        ];
        expect(await store.replace({ ...second, revision: 2 }, { lookUps: both })).toBe(true);
        await expectData(first.id, { lookUps: { main: lookUps, us: fewer } });
        return { ...second, revision: 2 };
      };

      test('several projects: are written with the receipt and replaced', async () => {
        const standing = await lookedUp();
        const next = withLookUps(standing, 'main', 1);
        expect(await store.replace(next, { lookUps: [{ project: 'main', lookUps: fewer }] })).toBe(true);
        await expectData(next.id, { lookUps: { main: fewer, us: fewer } });
      });

      test('pins of a project: delete its look-ups', async () => {
        const standing = await lookedUp();
        const next = withPins(withLookUps(standing, 'main', 0), 'main', 2);
        const also = { pins: { project: 'main', pins }, lookUps: [{ project: 'main', lookUps: undefined }] };
        expect(await store.replace({ ...next, revision: 3 }, also)).toBe(true);
        await expectData(next.id, { pins: { main: pins }, lookUps: { us: fewer } });
      });

      test.each(['counted', 'discarded by the same write'])('%s: are deleted', async how => {
        const standing = await lookedUp();
        const end = closed(how === 'counted' ? standing : { ...withLookUps(standing, 'main', 0), revision: 2 });
        const discarded = how === 'counted' ? {} : { lookUps: [{ project: 'main', lookUps: undefined }] };
        expect(await store.replace(end, { deletePersonalData: true, ...discarded })).toBe(true);
        expect(await store.readPersonalData(end.id)).toBeUndefined();
      });
    });

    describe('closing with a callback due', () => {
      const callbackData = { ...kept, identifiers: [] };

      test('personal data: only what callbacks need is left, and then nothing', async () => {
        const { first, pinned } = await pinnedInMain();
        const lookedUp = { ...withLookUps(pinned, 'us', 2), revision: 3 };
        expect(await store.replace(lookedUp, { lookUps: [{ project: 'us', lookUps }] })).toBe(true);
        const end = { ...closed(lookedUp), revision: 4 };
        const also = { deletePersonalData: true, callbackData };
        expect(await store.replace({ ...end, revision: 9 }, also)).toBe(false);
        expect(await store.readPersonalData(first.id)).toMatchObject({ identifiers: kept.identifiers });
        expect(await store.replace(end, also)).toBe(true);
        expect(await store.readPersonalData(first.id)).toEqual({ ...callbackData, pins: {}, lookUps: {} });
        expect(await store.replace({ ...end, revision: 5 }, { deletePersonalData: true })).toBe(true);
        expect(await store.readPersonalData(first.id)).toBeUndefined();
      });
    });

    describe('pins of a closed receipt', () => {
      test('kept for the verification: are read alone, replaced by what is left, and deleted', async () => {
        const { first, pinned } = await pinnedInMain();
        const both = { ...withPins(pinned, 'us', 2), revision: 3 };
        await store.replace(both, { pins: { project: 'us', pins } });
        const end = { ...closed(both), revision: 4 };
        expect(await store.replace(end, { deletePersonalData: true, keepPins: true })).toBe(true);
        expect(await store.readPersonalData(first.id)).toBeUndefined();
        expect(await store.readPins(first.id)).toEqual({ main: pins, us: pins });
        const left = { pins: { us: pins.slice(1) }, expiresAt: 4_000_000_000 };
        expect(await store.replace({ ...end, revision: 9 }, { pinsLeft: left })).toBe(false);
        expect(await store.readPins(first.id)).toEqual({ main: pins, us: pins });
        expect(await store.replace({ ...end, revision: 5 }, { pinsLeft: left })).toBe(true);
        expect(await store.readPins(first.id)).toEqual({ us: pins.slice(1) });
        const none = { pins: {}, expiresAt: 0 };
        expect(await store.replace({ ...end, revision: 6 }, { pinsLeft: none })).toBe(true);
        expect(await store.readPins(first.id)).toEqual({});
      });

      test('accepted with a receipt: are stored with it, once', async () => {
        const receipt = withPins(receiptOf(), 'main', 2);
        expect(await store.accept(receipt, kept, { main: pins })).toMatchObject({ stored: true });
        await expectData(receipt.id, { pins: { main: pins } });
        expect(await store.accept(receipt, kept, { main: pins.slice(1) })).toMatchObject({ stored: false });
        expect(await store.readPins(receipt.id)).toEqual({ main: pins });
      });
    });

    describe('due receipts', () => {
      const waiting = async (id: string, nextAttemptAt: number) => await accepted(receiptOf({ id, nextAttemptAt }));

      test('order: oldest first, at most the given number', async () => {
        await waiting('third', now - 1);
        await waiting('first', now - 9000);
        await waiting('second', now - 8999.5);
        await waiting('at-this-moment', now);
        await waiting('retry', now + 1);
        expect(await store.due('erase', now, 10)).toEqual(['first', 'second', 'third', 'at-this-moment']);
        expect(await store.due('erase', now, 2)).toEqual(['first', 'second']);
        expect(await store.due('erase', now, 0)).toEqual([]);
        expect(await store.due('erase', now, -1)).toEqual([]);
      });

      test.each(['callback', 'needs-review'] as const)(
        'state %s: moves the receipt to its queue and out',
        async queue => {
          const first = await waiting('receipt-1', now);
          const second = queued(first, queue, now + 5000);
          await store.replace(second);
          expect(await store.due('erase', now + 5000, 10)).toEqual([]);
          expect(await store.due(queue, now + 4999, 10)).toEqual([]);
          expect(await store.due(queue, now + 5000, 10)).toEqual([first.id]);
          await store.replace(closed(second));
          expect(await store.due(queue, now + 5000, 10)).toEqual([]);
          expect(await store.due('erase', now + 5000, 10)).toEqual([]);
        },
      );

      test('receipt without a time: is never due', async () => {
        await accepted(closed(receiptOf()));
        expect(await store.due('erase', now + 5000, 10)).toEqual([]);
      });

      test('claim: moves the time', async () => {
        const first = await waiting('receipt-1', now);
        await store.replace(putOff(first, now + 60_000));
        expect(await store.due('erase', now + 59_999, 10)).toEqual([]);
        expect(await store.due('erase', now + 60_000, 10)).toEqual([first.id]);
      });
    });

    describe('parts of the queue erase', () => {
      /** Accepts one receipt for each platform and its projects, each due a millisecond after the one before. */
      const waiting = async (...parts: readonly (readonly [platform: string, ...projects: string[]])[]) => {
        for (const [at, [platform, ...projects]] of parts.entries())
          await accepted(receiptOf({ id: `${at}-${platform}`, platform, nextAttemptAt: now + at }, projects));
      };
      const due = (select: SelectPartition, limit = 10) => store.due('erase', now + 5000, limit, select);
      const isOfKetch: SelectPartition = part => part?.platform === 'ketch';

      test('without a selection: are all read, of any platform, oldest first', async () => {
        await waiting(['ketch', 'main'], ['manual', 'main'], ['ketch', 'us', 'main'], ['removed', 'gone'], ['bare']);
        const all = ['0-ketch', '1-manual', '2-ketch', '3-removed', '4-bare'];
        expect(await store.due('erase', now + 5000, 10)).toEqual(all);
        expect(await store.due('erase', now + 5000, 3)).toEqual(all.slice(0, 3));
        expect(await store.due('erase', now + 1, 10)).toEqual(all.slice(0, 2));
      });

      test('selection by platform: leaves out the others, and what is selected stays in order', async () => {
        await waiting(['ketch', 'main'], ['shopify', 'main'], ['generic', 'main'], ['ketch', 'main']);
        expect(await due(isOfKetch)).toEqual(['0-ketch', '3-ketch']);
        expect(await due(part => part?.platform !== 'ketch')).toEqual(['1-shopify', '2-generic']);
        expect(await due(part => part?.platform !== 'ketch', 1)).toEqual(['1-shopify']);
        expect(await due(() => false)).toEqual([]);
      });

      test('selection by project: knows every project of a receipt, also a finished one', async () => {
        await waiting(['ketch', 'us', 'main'], ['ketch', 'us'], ['ketch', 'main', 'us']);
        const first = (await store.read('0-ketch'))!;
        const us = { ...first.projects['us']!, state: 'erased' as const };
        await store.replace({ ...putOff(first, now), projects: { ...first.projects, us } });
        expect(await due(part => part?.projects.includes('main') === true)).toEqual(['0-ketch', '2-ketch']);
        expect(await due(part => part?.projects.join() === 'main,us')).toEqual(['0-ketch', '2-ketch']);
      });

      test('most projects, with the longest names: fit into the key', async () => {
        const many = Array.from({ length: 48 }, (_, at) => `${'x'.repeat(38)}${10 + at}`);
        await accepted(receiptOf({ platform: 'y'.repeat(40), subjectHmacs: ['mac'] }, many));
        expect(await due(part => part?.projects.join() === many.join())).toEqual(['receipt-1']);
      });

      test.each(['refuse', 'accept-partial'] as const)(
        'decision to close (%s): no pause can stop the receipt',
        async action => {
          await waiting(['ketch', 'main'], ['ketch', 'main']);
          const first = (await store.read('0-ketch'))!;
          const decided = { action, at: now, actor: 'ada', reason: 'asked to' };
          expect(await store.replace(next(first, { decisions: [decided] }))).toBe(true);
          expect(await due(part => part === undefined)).toEqual(['0-ketch']);
          expect(await due(part => part !== undefined)).toEqual(['1-ketch']);
          const again = { action: 'retry' as const, at: now, actor: 'ada', reason: 'an error' };
          expect(await store.replace({ ...first, revision: 3, decisions: [decided, again] })).toBe(true);
          expect(await due(isOfKetch)).toEqual(['0-ketch', '1-ketch']);
        },
      );

      test('another queue: has no parts', async () => {
        await waiting(['ketch', 'main']);
        await store.replace(queued((await store.read('0-ketch'))!, 'callback', now));
        expect(await store.due('callback', now, 10, () => false)).toEqual(['0-ketch']);
        expect(await due(() => true)).toEqual([]);
      });
    });

    describe('two versions of this code', () => {
      test('unknown fields: are kept', async () => {
        const newer = { attestation: { by: 'v1.9' }, projects: { main: { region: 'eu' } } };
        const plain = receiptOf();
        const main = { ...plain.projects['main']!, ...newer.projects.main };
        const first = await accepted({ ...plain, ...newer, projects: { main } });
        const read = await store.read(first.id);
        expect(await store.replace(putOff(read!, now + 60_000))).toBe(true);
        const again = await store.read(first.id);
        expect(await store.replace(closed(again!))).toBe(true);
        expect(await store.read(first.id)).toMatchObject({ state: 'erased', ...newer });
      });

      test.each([
        ['a version', { v: 2 }],
        ['a state', { state: 'cancelled' }],
      ])('%s of an unknown version: is not changed', async (_, change) => {
        const first = await accepted(Object.assign(receiptOf(), change));
        await expect(store.read(first.id)).rejects.toThrow(unavailable);
        await expect(store.accept(receiptOf(), kept)).rejects.toThrow(unavailable);
        expect(await store.due('erase', now, 10)).toEqual([first.id]);
        await expectData(first.id);
      });
    });
  });
}

/** A store whose rows with identifiers can be read without the store itself. */
interface StoreWithRows extends OpenedStore {
  /** Returns the kind and project of each row with identifiers, in any order. */
  identifierRows(): Promise<readonly string[]>;
}

/** The rows of a project that has pins and, because Voucherify refused other look-ups, completed look-ups as well. */
export function describeIdentifierRows(name: string, open: () => Promise<StoreWithRows>): void {
  describe(`${name}: rows of pins and look-ups of one project`, () => {
    let opened: StoreWithRows;
    let partial: Receipt;
    beforeEach(async () => {
      opened = await open();
      const first = receiptOf({}, ['main', 'us']);
      await opened.store.accept(first, kept);
      partial = { ...withLookUps(withPins(first, 'main', pins.length), 'main', 1), revision: 2 };
      const also = { pins: { project: 'main', pins }, lookUps: [{ project: 'main', lookUps }] };
      expect(await opened.store.replace(partial, also)).toBe(true);
    });
    afterEach(() => opened.close());
    const rows = async () => (await opened.identifierRows()).toSorted();

    test('open receipt: has both', async () => {
      expect(await rows()).toEqual(['look-ups main', 'personal data', 'pins main']);
    });

    test('closing with the partial result: deletes both', async () => {
      expect(await opened.store.replace(closed(partial), { deletePersonalData: true })).toBe(true);
      expect(await rows()).toEqual([]);
    });

    test('further pins after a retry: delete the look-ups, and closing deletes the rest', async () => {
      const second = { ...withLookUps(withPins(partial, 'main', 3), 'main', 0), revision: 3 };
      const further = [...pins, { customerId: 'cust_secret_5', seen: true, appIdHmac: 'mac-of-app-id' }];
      const also = { pins: { project: 'main', pins: further }, lookUps: [{ project: 'main', lookUps: undefined }] };
      expect(await opened.store.replace(second, also)).toBe(true);
      expect(await rows()).toEqual(['personal data', 'pins main']);
      expect(await opened.store.replace(closed(second), { deletePersonalData: true })).toBe(true);
      expect(await rows()).toEqual([]);
    });
  });
}

/** What every verb must do over something that cannot be reached. */
export function describeUnreachableStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    const receipt = receiptOf();
    const next = withPins(receipt, 'main', 2);
    test.each<[string, (store: ReceiptStore) => Promise<unknown>]>([
      ['accept', store => store.accept(receipt, kept)],
      ['read', store => store.read(receipt.id)],
      ['replace', store => store.replace(next)],
      ['replace with pins', store => store.replace(next, { pins: { project: 'main', pins } })],
      ['replace with look-ups', store => store.replace(next, { lookUps: [{ project: 'main', lookUps }] })],
      ['replace and forget', store => store.replace(next, { deletePersonalData: true })],
      ['due', store => store.due('erase', now, 10)],
      ['personal-data', store => store.readPersonalData(receipt.id)],
      ['find', store => store.find('mac-of-email')],
    ])('%s: throws unavailable without detail', async (_, call) => {
      const { store, close } = await open();
      const thrown = await call(store).then(
        () => undefined,
        (error: unknown) => error,
      );
      await close();
      expect(thrown).toMatchObject({ code: 'unavailable', alarm: 'store-unavailable', verified: false });
      expectNothingPersonal(thrown);
    });
  });
}

export const unavailable = expect.objectContaining({ code: 'unavailable', alarm: 'store-unavailable' });

/** Looks into the message, the stack, the cause and every field. */
export function expectNothingPersonal(thrown: unknown): void {
  expect(thrown).toBeInstanceOf(Failure);
  if (!(thrown instanceof Failure)) return;
  const told = [thrown.message, thrown.stack, String(thrown.cause), JSON.stringify(thrown)].join('\n');
  for (const text of [...personal, 'mac-of-email', 'receipt-1']) expect(told).not.toContain(text);
}
