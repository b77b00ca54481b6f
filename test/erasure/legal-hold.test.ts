import { describe, expect, test } from 'vitest';
import { releaseLegalHold, setLegalHold } from '../../lambda/control/legal-holds.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { IdentifierKind } from '../../lambda/domain/identifiers.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { decideRetry } from '../../lambda/receipts/transitions.ts';
import { ada, ben, createHarness, type Harness, iso, one, start } from '../support/harness.ts';

const minute = 60_000;
const day = 86_400_000;
const until = start + 60 * day;

/** Sets a hold as the operator's tool does, and returns its id. */
async function hold(harness: Harness, kind: IdentifierKind, value: string, end = until): Promise<string> {
  const { subject } = await harness.services.pseudonymizer();
  const id = subject({ kind, value });
  const decision = { actor: 'ada', reason: 'a lawsuit', at: harness.clock.now };
  await setLegalHold({ id, kind, until: end, ...decision }, harness.store.control);
  return id;
}

const release = (harness: Harness, id: string) =>
  releaseLegalHold(id, { actor: 'bob', reason: 'settled', at: harness.clock.now }, harness.store.control);

const person = { id: ada, source_id: 'crm-1', email: 'zoe@example.com' };

function withPerson(): Harness {
  const harness = createHarness();
  harness.addCustomer(person);
  return harness;
}

/** Records the keys of holds that are read; `beforeRead` may throw. */
function withRecordedHolds(beforeRead?: () => void): { readonly harness: Harness; readonly read: string[] } {
  const read: string[] = [];
  const harness = createHarness({
    change: ({ control }) => ({
      control: {
        ...control,
        read: async keys => {
          const holds = keys.filter(key => key.startsWith('legal-hold#'));
          if (holds.length > 0) beforeRead?.();
          read.push(...holds);
          return control.read(keys);
        },
      },
    }),
  });
  return { harness, read };
}

describe('legal hold of a person', () => {
  const holds = [
    ['customer_id', ada],
    ['source_id', 'crm-1'],
    ['email', ' zoe@example.COM'],
  ] as const;
  const requests = [
    ['customer_id', ada],
    ['source_id', 'crm-1'],
    ['email', 'zoe@example.com'],
  ] as const;
  const pairs = holds.flatMap(([kind, value]) => requests.map(request => [kind, value, ...request] as const));

  test.each(pairs)('hold by %s (%s), request by %s: is not deleted and in review', async (kind, value, ...request) => {
    const harness = withPerson();
    const held = await hold(harness, kind, value);
    const { receipt, outcome } = await harness.erase(one(...request));
    expect(outcome.kind).toBe('needs-review');
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'legal-hold', queue: 'held' });
    expect(receipt.legalHolds).toEqual([{ hold: held, from: start }]);
    expect(receipt.projects['main']?.pins).toBe(0);
    expect(harness.deleted()).toEqual([]);
    expect(harness.alarms()).toEqual(['needs-review']);
  });

  test('hold of somebody else: is deleted', async () => {
    const harness = withPerson();
    await hold(harness, 'source_id', 'crm-2');
    await hold(harness, 'source_id', ada);
    expect((await harness.erase(one('source_id', 'crm-1'))).outcome.kind).toBe('erased');
  });

  test('one of two customers of the request: neither is deleted', async () => {
    const harness = withPerson();
    harness.addCustomer({ id: ben, source_id: 'crm-2', email: 'zoe@example.com' });
    await hold(harness, 'source_id', 'crm-2');
    expect((await harness.erase(one('email', 'zoe@example.com'))).receipt.reason).toBe('legal-hold');
    expect(harness.deleted()).toEqual([]);
  });

  test('reads: those of the request and of its customers, and none if no hold exists', async () => {
    const { harness, read } = withRecordedHolds();
    harness.addCustomer({ id: ada });
    harness.addCustomer({ id: ben });
    await harness.accept(one('customer_id', ada));
    await harness.sweep();
    expect(harness.deleted()).toEqual([ada]);
    expect(read).toEqual([]);
    await hold(harness, 'source_id', 'crm-2');
    read.length = 0;
    const { subject } = await harness.services.pseudonymizer();
    const { receipt } = await harness.erase(one('customer_id', ben));
    expect(receipt.state).toBe('erased');
    const keys = [...receipt.subjectHmacs, subject({ kind: 'customer_id', value: ben })];
    expect(new Set(read)).toEqual(new Set(keys.map(key => `legal-hold#${key}`)));
  });

  test('in the first of two projects: nothing is deleted in the second', async () => {
    const harness = createHarness({ projects: ['main', 'us'] });
    harness.addCustomer(person, 'main');
    harness.addCustomer({ id: ben, source_id: 'crm-1' }, 'us');
    await hold(harness, 'customer_id', ada);
    expect((await harness.erase(one('source_id', 'crm-1'))).receipt.reason).toBe('legal-hold');
    expect(harness.deleted()).toEqual([]);
  });
});

describe('end of a legal hold', () => {
  test('released: the erasure continues by itself within 15 minutes, and the evidence says what it waited for', async () => {
    const harness = withPerson();
    const held = await hold(harness, 'source_id', 'crm-1');
    const { receipt } = await harness.erase(one('email', 'zoe@example.com'));
    await harness.sweep(start + 10 * day);
    expect((await harness.receipt(receipt.id)).state).toBe('needs-review');
    await release(harness, held);
    const ended = start + 10 * day + 900_000;
    await harness.sweep(ended);
    const erased = await harness.sweepWhenDue(receipt.id);
    expect(erased.state).toBe('erased');
    expect(harness.deleted()).toEqual([ada]);
    expect(evidenceOf(erased)).toMatchObject({
      outcome: 'erased',
      legalHolds: [{ hold: held, from: iso(start), to: iso(ended) }],
    });
    expect(evidenceOf(erased)).not.toHaveProperty('reason');
  });

  test('its day has come: the erasure continues by itself', async () => {
    const harness = withPerson();
    await hold(harness, 'source_id', 'crm-1', start + day);
    const { receipt } = await harness.erase(one('email', 'zoe@example.com'));
    await harness.sweep(start + day - 1);
    expect((await harness.receipt(receipt.id)).state).toBe('needs-review');
    await harness.sweep(start + day + 900_000);
    expect((await harness.sweepWhenDue(receipt.id)).state).toBe('erased');
  });

  test('another hold of the person is in effect: stays in review, and both are recorded', async () => {
    const harness = withPerson();
    const first = await hold(harness, 'source_id', 'crm-1');
    const { receipt } = await harness.erase(one('email', 'zoe@example.com'));
    await release(harness, first);
    harness.clock.now = start + day;
    const second = await hold(harness, 'customer_id', ada);
    await harness.sweep();
    const again = await harness.sweepWhenDue(receipt.id);
    expect(again).toMatchObject({ state: 'needs-review', reason: 'legal-hold' });
    expect(again.legalHolds).toEqual([
      { hold: first, from: start, to: start + day },
      { hold: second, from: start + day },
    ]);
    expect(harness.deleted()).toEqual([]);
  });

  test('years in effect: is no delay for the alarms', async () => {
    const harness = withPerson();
    await hold(harness, 'source_id', 'crm-1', start + 900 * day);
    await harness.accept(one('email', 'zoe@example.com'));
    await harness.sweep();
    const { oldestOpenMs, deadlineUsedPercent, needsReview } = await harness.sweep(start + 800 * day);
    expect({ oldestOpenMs, deadlineUsedPercent, needsReview }).toEqual({
      oldestOpenMs: 0,
      deadlineUsedPercent: 0,
      needsReview: 0,
    });
  });
});

describe('legal hold that is set while the erasure runs', () => {
  const family = ['cust_1', 'cust_2', 'cust_3'];

  /** Sets a hold right after a call to Voucherify. */
  function holdAfter(harness: Harness, calls: number, kind: IdentifierKind, value: string): void {
    let made = 0;
    harness.intercept = async (_, pass) => {
      const result = pass();
      made += 1;
      if (made === calls) await hold(harness, kind, value);
      return result;
    };
  }

  test.each([1, 2, 3])('after call %i: nothing more is deleted, and what was deleted is recorded', async calls => {
    const harness = createHarness();
    for (const id of family) harness.addCustomer({ id, email: 'zoe@example.com' });
    await hold(harness, 'source_id', 'somebody-else');
    holdAfter(harness, calls, 'email', 'zoe@example.com');
    const { receipt } = await harness.erase(one('email', 'zoe@example.com'));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'legal-hold' });
    expect(harness.deleted()).toHaveLength(calls - 1);
    expect(receipt.projects['main']?.deletions).toHaveLength(calls - 1);
  });

  test('between two attempts: a pin of the first is not deleted by the second', async () => {
    const harness = withPerson();
    harness.intercept = (call, pass) =>
      call.method === 'POST' ? { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false } : pass();
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(receipt.projects['main']?.pins).toBe(1);
    harness.intercept = undefined;
    await hold(harness, 'email', 'zoe@example.com');
    expect((await harness.sweepWhenDue(receipt.id)).reason).toBe('legal-hold');
    expect(harness.deleted()).toEqual([]);
  });

  test('holds cannot be read any more after the look-ups: the attempt ends with the first customer', async () => {
    let reads = 0;
    const { harness, read } = withRecordedHolds(() => {
      reads += 1;
      if (reads > 1) throw new Failure('unavailable', 'the store fails');
    });
    for (const id of [ada, ben]) harness.addCustomer({ id, email: 'zoe@example.com' });
    const { receipt } = await harness.erase(one('email', 'zoe@example.com'));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'holds-unreadable', projects: { main: { pins: 2 } } });
    expect(reads).toBe(2);
    expect(read.length).toBeGreaterThan(0);
    expect(harness.deleted()).toEqual([]);
  });

  test('holds cannot be read: nothing is deleted, and the look-ups are kept for the next attempt', async () => {
    let isBroken = false;
    const harness = createHarness({
      change: ({ control }) => ({
        control: {
          ...control,
          read: keys =>
            isBroken && keys.some(key => key.startsWith('legal-hold#'))
              ? Promise.reject(new Failure('unavailable', 'the store fails'))
              : control.read(keys),
        },
      }),
    });
    harness.addCustomer(person);
    await hold(harness, 'source_id', 'somebody-else');
    isBroken = true;
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'holds-unreadable' });
    expect(receipt.projects['main']).toMatchObject({ pins: 0, lookedUp: 1 });
    isBroken = false;
    expect((await harness.sweepWhenDue(receipt.id)).state).toBe('erased');
  });
});

test('decisions about a held person, retry: ends no hold that is in effect, and continues at once after its release', async () => {
  const harness = withPerson();
  const held = await hold(harness, 'source_id', 'crm-1');
  const { receipt } = await harness.erase(one('source_id', 'crm-1'));
  const retry = async (at: number) => {
    const decision = { actor: 'ada', action: 'retry', reason: 'again', at } as const;
    const retried = decideRetry(await harness.receipt(receipt.id), decision);
    if (retried === undefined) throw new Error('not retried');
    await harness.store.replace(retried);
    await harness.sweep(at);
    return harness.receipt(receipt.id);
  };
  const again = await retry(start + minute);
  expect(again).toMatchObject({ state: 'needs-review', queue: 'held', legalHolds: [{ hold: held, from: start }] });
  expect(again.legalHolds?.[0]).not.toHaveProperty('to');
  expect(harness.alarms()).toEqual(['needs-review']);
  await release(harness, held);
  await retry(start + 2 * minute);
  await harness.sweep();
  expect(await harness.receipt(receipt.id)).toMatchObject({
    state: 'erased',
    legalHolds: [{ hold: held, from: start, to: start + 2 * minute }],
  });
});
