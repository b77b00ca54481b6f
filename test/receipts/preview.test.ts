import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { askPreview, isDelayed, isPreviewAsked, storePreview } from '../../lambda/receipts/transitions.ts';
import { now, receiptOf } from '../support/receipt-builders.ts';

const delayedUntil = now + 3_600_000;
const delayed = receiptOf({ delayedUntil, nextAttemptAt: delayedUntil });
const refused = [{ at: now, actor: 'ada', action: 'refuse', reason: 'asked to' }] as const;
const projects = { main: { customers: 2 } };

describe('preview of a delayed receipt', () => {
  test.each<[string, Partial<Receipt>]>([
    ['a receipt without a delay', { delayedUntil: now }],
    ['a receipt that was attempted', { claims: 1 }],
    ['a closed receipt', { state: 'erased' }],
    ['a receipt in review', { state: 'needs-review' }],
  ])('%s: is not delayed, and has none', (_, change) => {
    const receipt = { ...delayed, ...change };
    expect(isDelayed(receipt, now)).toBe(false);
    expect(askPreview(receipt, now)).toBeUndefined();
    expect(isPreviewAsked({ ...receipt, preview: { askedAt: now } }, now)).toBe(false);
    expect(storePreview({ ...receipt, preview: { askedAt: now } }, projects, now)).toBeUndefined();
    const { delayedUntil: _none, ...without } = delayed;
    expect(isDelayed(without, now)).toBe(false);
  });

  test('asked for: the next sweep looks once, and the receipt waits on', () => {
    expect([isDelayed(delayed, now), isPreviewAsked(delayed, now)]).toEqual([true, false]);
    expect(storePreview(delayed, projects, now)).toBeUndefined();
    const asked = askPreview(delayed, now)!;
    expect(asked).toStrictEqual({ ...delayed, revision: 2, nextAttemptAt: now, preview: { askedAt: now } });
    expect(isPreviewAsked(asked, now)).toBe(true);
    const stored = storePreview(asked, projects, now + 5)!;
    const preview = { askedAt: now, at: now + 5, projects };
    expect(stored).toStrictEqual({ ...delayed, revision: 3, preview });
    expect(isPreviewAsked(stored, now + 5)).toBe(false);
    expect(storePreview(stored, projects, now + 6)).toBeUndefined();
  });

  test('asked again: the earlier counts are gone until the next look', () => {
    const stored = { ...delayed, preview: { askedAt: now - 9, at: now - 5, projects } };
    expect(askPreview(stored, now)?.preview).toStrictEqual({ askedAt: now });
  });

  test('decision to close: no preview is asked or stored', () => {
    expect(askPreview({ ...delayed, decisions: refused }, now)).toBeUndefined();
    const asked = { ...delayed, preview: { askedAt: now }, decisions: refused };
    expect(storePreview(asked, projects, now)).toBeUndefined();
  });
});
