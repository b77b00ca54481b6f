import { describe, expect, test } from 'vitest';
import { genericHarness, genericWire, order } from '../platforms/generic-messages.ts';
import { deletion, segmentHarness, segmentWire } from '../platforms/segment-messages.ts';
import { shopifyHarness, shopifyWire } from '../platforms/shopify-messages.ts';
import { job, transcendHarness, transcendWire } from '../platforms/transcend-messages.ts';
import type { Wire } from '../support/event.ts';
import { fixtureTime, type Harness } from '../support/harness.ts';
import { deleteRequest, ketchHarness, ketchWire } from '../support/ketch.ts';

/** A platform whose messages name a time. */
interface Timed {
  readonly harness: () => Harness;
  /** A genuine message for the seeded person, submitted and due at these times in epoch milliseconds. */
  readonly wire: (submitted: number, due?: number) => Wire;
}

const iso = (at: number) => new Date(at).toISOString();
const seconds = (at: number) => Math.floor(at / 1000);
const tomorrow = fixtureTime + 86_400_000;

const ketch: Timed = {
  harness: () => ketchHarness(),
  wire: (submitted, due = tomorrow) =>
    ketchWire(deleteRequest({ submittedTimestamp: seconds(submitted), dueTimestamp: seconds(due) })),
};
const generic: Timed = {
  harness: () => genericHarness(),
  wire: (submitted, due = tomorrow) => genericWire({ ...order, submitted_at: iso(submitted), due_at: iso(due) }),
};
const segment: Timed = {
  harness: () => segmentHarness(),
  wire: submitted => segmentWire({ ...deletion, timestamp: iso(submitted) }),
};
const transcend: Timed = {
  harness: () => transcendHarness(),
  wire: submitted => {
    const { extras } = job();
    const request = { ...extras.request, createdAt: iso(submitted) };
    return transcendWire(job({}, { extras: { ...extras, request } }));
  },
};
const shopify: Timed = {
  harness: () => shopifyHarness(),
  wire: submitted => shopifyWire(undefined, { 'X-Shopify-Triggered-At': iso(submitted) }),
};

const implausible = {
  'the zero time of Go and .NET': '0001-01-01T00:00:00Z',
  'a second before 1970': '1969-12-31T23:59:59Z',
  'zero seconds': '1970-01-01T00:00:00Z',
  'one second': '1970-01-01T00:00:01Z',
  'the seconds of a time in milliseconds': iso(Math.floor(fixtureTime / 1000)),
  'the last second of 2014': '2014-12-31T23:59:59Z',
};
const all = Object.entries({ ketch, generic, segment, transcend, shopify });
const implausibleCases = all.flatMap(([name, timed]) =>
  Object.entries(implausible).map(([what, time]) => ({ name, timed, what, at: Date.parse(time) })),
);

describe('submission time before 2015', () => {
  test.each(implausibleCases)('$name: $what is missing, and the person is erased', async ({ timed, at }) => {
    const harness = await timed.harness();
    expect((await harness.send(timed.wire(at))).status).toBe(200);
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state: 'erased', submittedAt: fixtureTime }]);
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test.each(Object.entries({ ketch, generic, segment, transcend }))(
    '%s: the first second of 2015 is valid, and a customer created later is spared',
    async (name, timed) => {
      const harness = await timed.harness();
      const first = Date.parse('2015-01-01T00:00:00Z');
      expect((await harness.send(timed.wire(first))).status).toBeLessThan(300);
      await harness.sweep();
      expect(await harness.receipts()).toMatchObject([{ state: 'created-later', submittedAt: first }]);
      const cannotBeInformed = harness.services.platforms.get(name)?.responseMode !== 'result';
      expect(harness.alarms()).toEqual(cannotBeInformed ? ['created-later'] : []);
    },
  );
});

describe('due time', () => {
  test.each(Object.entries({ ketch, generic }))('%s: over a year after receipt is ignored', async (_, timed) => {
    const latest = fixtureTime + 366 * 86_400_000;
    for (const due of [latest, latest + 1000]) {
      const harness = await timed.harness();
      await harness.send(timed.wire(fixtureTime, due));
      const [receipt] = await harness.receipts();
      expect(receipt?.dueAt).toBe(due === latest ? due : undefined);
    }
  });

  test.each(Object.entries({ ketch, generic }))('%s: before receipt is ignored', async (_, timed) => {
    for (const due of [Date.parse('0001-01-01T00:00:00Z'), 1000, fixtureTime - 1000]) {
      const harness = await timed.harness();
      await harness.send(timed.wire(fixtureTime, due));
      const [receipt] = await harness.receipts();
      expect(receipt).not.toHaveProperty('dueAt');
    }
  });

  test.each(Object.entries({ ketch, generic }))('%s: from receipt on is stored', async (_, timed) => {
    for (const due of [fixtureTime, tomorrow]) {
      const harness = await timed.harness();
      await harness.send(timed.wire(fixtureTime, due));
      expect(await harness.receipts()).toMatchObject([{ dueAt: due }]);
    }
  });
});
