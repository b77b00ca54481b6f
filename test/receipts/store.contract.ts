import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import {
  closed,
  kept,
  lookUps,
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

/** Everything that the port promises. `open` gives an empty store for every test. */
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
    const accepted = async (receipt: Receipt) => {
      expect(await store.accept(receipt, kept)).toEqual({ stored: true, receipt });
      return receipt;
    };

    describe('accept', () => {
      it('stores the receipt, what is kept apart and a look-up row per subject', async () => {
        const receipt = await accepted(receiptOf({ reference: 'b3c1', dueAt: now + 1 }));
        expect(await store.read(receipt.id)).toEqual(receipt);
        expect(await store.readPersonalData(receipt.id)).toEqual({ ...kept, pins: {}, lookUps: {} });
        expect(await store.find('mac-of-email')).toEqual([receipt.id]);
        expect(await store.find('mac-of-source-id')).toEqual([receipt.id]);
      });

      it('gives the one that stands, as it stands, and changes nothing', async () => {
        const first = await accepted(receiptOf());
        const claim = putOff(first, now + 60_000);
        expect(await store.replace(claim)).toBe(true);
        const second = receiptOf({ platform: 'another', subjectHmacs: ['mac-of-another'] });
        expect(await store.accept(second, { ...kept, identifiers: [] })).toEqual({
          stored: false,
          receipt: claim,
        });
        expect(await store.read(first.id)).toEqual(claim);
        expect(await store.readPersonalData(first.id)).toEqual({ ...kept, pins: {}, lookUps: {} });
        expect(await store.find('mac-of-another')).toEqual([]);
      });

      it('does not bring back what was forgotten', async () => {
        const first = await accepted(receiptOf());
        const end = closed(first);
        expect(await store.replace(end, { deletePersonalData: true })).toBe(true);
        expect(await store.accept(receiptOf(), kept)).toEqual({ stored: false, receipt: end });
        expect(await store.readPersonalData(first.id)).toBeUndefined();
      });

      it('stores exactly one of twenty at once and gives it to all the others', async () => {
        const candidates = Array.from({ length: 20 }, (_, at) => receiptOf({ reference: `request-${at}` }));
        const answers = await Promise.all(candidates.map(candidate => store.accept(candidate, kept)));
        expect(answers.filter(answer => answer.stored)).toHaveLength(1);
        const standing = await store.read('receipt-1');
        expect(answers.map(answer => answer.receipt)).toEqual(candidates.map(() => standing));
      });

      it('stores exactly one of twenty that are the same', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => store.accept(receiptOf(), kept)));
        expect(answers.filter(answer => answer.stored)).toHaveLength(1);
      });

      it('takes the same subject twice, and none', async () => {
        await accepted(receiptOf({ subjectHmacs: ['mac', 'mac'] }));
        await accepted(receiptOf({ id: 'receipt-2', subjectHmacs: [] }));
        expect(await store.find('mac')).toEqual(['receipt-1']);
      });

      it('takes as many subjects as can be closed in one transaction, and refuses more', async () => {
        const subjectHmacs = Array.from({ length: 96 }, (_, at) => `mac-${at}`);
        const receipt = await accepted(receiptOf({ subjectHmacs }, ['main', 'us']));
        expect(await store.replace(closed(receipt), { deletePersonalData: true })).toBe(true);
        const larger = receiptOf({ id: 'receipt-2', subjectHmacs: [...subjectHmacs, 'one-more'] }, ['main', 'us']);
        await expect(store.accept(larger, kept)).rejects.toMatchObject({ code: 'too-large', alarm: undefined });
        expect(await store.read('receipt-2')).toBeUndefined();
        expect(await store.find('one-more')).toEqual([]);
      });
    });

    it('knows nothing of what was never stored', async () => {
      expect(await store.read('nobody')).toBeUndefined();
      expect(await store.readPersonalData('nobody')).toBeUndefined();
      expect(await store.find('nobody')).toEqual([]);
      expect(await store.due('erase', now, 10)).toEqual([]);
    });

    describe('replace', () => {
      it('writes over the revision before', async () => {
        const first = await accepted(receiptOf());
        const second = putOff(first, now + 60_000);
        const third = closed(second);
        expect(await store.replace(second)).toBe(true);
        expect(await store.replace(third)).toBe(true);
        expect(await store.read(first.id)).toEqual(third);
      });

      it.each([
        ['an older revision', 1],
        ['the revision that stands', 2],
        ['a revision that is not there yet', 4],
      ])('writes nothing over %s', async (_, revision) => {
        const first = await accepted(receiptOf());
        const standing = putOff(first, now + 60_000);
        await store.replace(standing);
        const late = { ...closed(standing), revision };
        expect(await store.replace(late, { pins: { project: 'main', pins } })).toBe(false);
        expect(await store.replace(late, { deletePersonalData: true })).toBe(false);
        expect(await store.replace(late, { lookUps: [{ project: 'main', lookUps }] })).toBe(false);
        expect(await store.read(first.id)).toEqual(standing);
        expect(await store.readPersonalData(first.id)).toEqual({ ...kept, pins: {}, lookUps: {} });
        expect(await store.due('erase', now + 60_000, 10)).toEqual([first.id]);
      });

      it('writes nothing where nothing stands', async () => {
        const next = putOff(receiptOf(), now + 60_000);
        expect(await store.replace(next, { pins: { project: 'main', pins } })).toBe(false);
        expect(await store.read(next.id)).toBeUndefined();
        expect(await store.readPersonalData(next.id)).toBeUndefined();
        expect(await store.due('erase', now + 60_000, 10)).toEqual([]);
      });

      it('has exactly one winner of twenty at once, and the winner stands', async () => {
        const first = await accepted(receiptOf());
        const rivals = Array.from({ length: 20 }, (_, at) => putOff(first, now + 60_000 + at));
        const won = await Promise.all(rivals.map(rival => store.replace(rival)));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await store.read(first.id)).toEqual(rivals[won.indexOf(true)]);
      });

      it('has exactly one winner of twenty that write the same, with pins', async () => {
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

    describe('pins and what is kept apart', () => {
      it('are written with the receipt, for one project at a time', async () => {
        const first = await accepted(receiptOf({}, ['main', 'us']));
        const second = withPins(first, 'main', 2);
        const third = withPins(second, 'us', 1);
        expect(await store.replace(second, { pins: { project: 'main', pins } })).toBe(true);
        expect(await store.replace(third, { pins: { project: 'us', pins: pins.slice(1) } })).toBe(true);
        expect(await store.read(first.id)).toEqual(third);
        expect(await store.readPersonalData(first.id)).toEqual({
          ...kept,
          pins: { main: pins, us: pins.slice(1) },
          lookUps: {},
        });
      });

      it('outlive every write that does not forget them', async () => {
        const first = await accepted(receiptOf({ hasCallbacks: true }));
        const second = withPins(first, 'main', 2);
        await store.replace(second, { pins: { project: 'main', pins } });
        expect(await store.replace(closed(second), { deletePersonalData: false })).toBe(true);
        expect(await store.readPersonalData(first.id)).toEqual({ ...kept, pins: { main: pins }, lookUps: {} });
      });

      it('are gone once forgotten, and the receipt and its look-up rows stay', async () => {
        const first = await accepted(receiptOf({}, ['main', 'us']));
        const second = withPins(first, 'main', 2);
        await store.replace(second, { pins: { project: 'main', pins } });
        const end = closed(second);
        expect(await store.replace(end, { deletePersonalData: true })).toBe(true);
        expect(await store.readPersonalData(first.id)).toBeUndefined();
        expect(await store.read(first.id)).toEqual(end);
        expect(await store.find('mac-of-email')).toEqual([first.id]);
      });

      it('are forgotten for one receipt only', async () => {
        const first = await accepted(receiptOf());
        const other = await accepted(receiptOf({ id: 'receipt-2' }));
        await store.replace(closed(first), { deletePersonalData: true });
        expect(await store.readPersonalData(other.id)).toEqual({ ...kept, pins: {}, lookUps: {} });
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
        expect(await store.readPersonalData(first.id)).toEqual({
          ...kept,
          pins: {},
          lookUps: { main: lookUps, us: fewer },
        });
        return { ...second, revision: 2 };
      };

      it('are written with the receipt, for several projects at once, and replaced', async () => {
        const standing = await lookedUp();
        const next = withLookUps(standing, 'main', 1);
        expect(await store.replace(next, { lookUps: [{ project: 'main', lookUps: fewer }] })).toBe(true);
        expect(await store.readPersonalData(next.id)).toEqual({
          ...kept,
          pins: {},
          lookUps: { main: fewer, us: fewer },
        });
      });

      it('of one project are deleted with the write of its pins', async () => {
        const standing = await lookedUp();
        const next = withPins(withLookUps(standing, 'main', 0), 'main', 2);
        const also = { pins: { project: 'main', pins }, lookUps: [{ project: 'main', lookUps: undefined }] };
        expect(await store.replace({ ...next, revision: 3 }, also)).toBe(true);
        expect(await store.readPersonalData(next.id)).toEqual({
          ...kept,
          pins: { main: pins },
          lookUps: { us: fewer },
        });
      });

      it.each(['counted', 'discarded by the same write'])('that are %s are gone once forgotten', async how => {
        const standing = await lookedUp();
        const end = closed(how === 'counted' ? standing : { ...withLookUps(standing, 'main', 0), revision: 2 });
        const discarded = how === 'counted' ? {} : { lookUps: [{ project: 'main', lookUps: undefined }] };
        expect(await store.replace(end, { deletePersonalData: true, ...discarded })).toBe(true);
        expect(await store.readPersonalData(end.id)).toBeUndefined();
      });
    });

    describe('due', () => {
      const waiting = async (id: string, nextAttemptAt: number) => await accepted(receiptOf({ id, nextAttemptAt }));

      it('gives what is due, oldest first, and no more than asked for', async () => {
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

      it.each(['callback', 'needs-review'] as const)('follows a receipt to the queue %s and out', async queue => {
        const first = await waiting('receipt-1', now);
        const second = queued(first, queue, now + 5000);
        await store.replace(second);
        expect(await store.due('erase', now + 5000, 10)).toEqual([]);
        expect(await store.due(queue, now + 4999, 10)).toEqual([]);
        expect(await store.due(queue, now + 5000, 10)).toEqual([first.id]);
        await store.replace(closed(second));
        expect(await store.due(queue, now + 5000, 10)).toEqual([]);
        expect(await store.due('erase', now + 5000, 10)).toEqual([]);
      });

      it('never gives a receipt that waits for nothing', async () => {
        await accepted(closed(receiptOf()));
        expect(await store.due('erase', now + 5000, 10)).toEqual([]);
      });

      it('moves with a claim', async () => {
        const first = await waiting('receipt-1', now);
        await store.replace(putOff(first, now + 60_000));
        expect(await store.due('erase', now + 59_999, 10)).toEqual([]);
        expect(await store.due('erase', now + 60_000, 10)).toEqual([first.id]);
      });
    });

    describe('two versions of this code on one row', () => {
      it('keep the fields that only one of them knows', async () => {
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

      it.each([
        ['a version', { v: 2 }],
        ['a state', { state: 'cancelled' }],
      ])('leave a row of %s that is not known alone', async (_, change) => {
        const first = await accepted(Object.assign(receiptOf(), change));
        await expect(store.read(first.id)).rejects.toThrow(unavailable);
        await expect(store.accept(receiptOf(), kept)).rejects.toThrow(unavailable);
        expect(await store.due('erase', now, 10)).toEqual([first.id]);
        expect(await store.readPersonalData(first.id)).toEqual({ ...kept, pins: {}, lookUps: {} });
      });
    });
  });
}

/** What every verb must do over something that cannot be reached. */
export function describeUnreachableStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    const receipt = receiptOf();
    const next = withPins(receipt, 'main', 2);
    it.each<[string, (store: ReceiptStore) => Promise<unknown>]>([
      ['accept', store => store.accept(receipt, kept)],
      ['read', store => store.read(receipt.id)],
      ['replace', store => store.replace(next)],
      ['replace with pins', store => store.replace(next, { pins: { project: 'main', pins } })],
      ['replace with look-ups', store => store.replace(next, { lookUps: [{ project: 'main', lookUps }] })],
      ['replace and forget', store => store.replace(next, { deletePersonalData: true })],
      ['due', store => store.due('erase', now, 10)],
      ['personal-data', store => store.readPersonalData(receipt.id)],
      ['find', store => store.find('mac-of-email')],
    ])('%s throws unavailable and tells nothing', async (_, call) => {
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
