import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventuallyHolds } from '../support/fuzz.ts';
import { callWithin, type Process, startProcess, virtualClock, voucherifyAt } from '../support/pace-clock.ts';
import { answered, hour, minute, now, second } from '../support/pace-heard.ts';
import { memoryRows } from '../support/pace-rows.ts';
import { mostAllowed, mostInAPeriod } from '../support/pace-windows.ts';

interface Attempt {
  readonly fresh: boolean;
  readonly calls: number;
  readonly budget: number;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function opened(quota: Parameters<typeof startProcess>[0]['quota'], random: () => number, slowest: number) {
  const clock = virtualClock(now);
  const rows = memoryRows(() => clock.wait(Math.floor(random() * 8)));
  const { send, calls } = voucherifyAt(clock, async () => {
    await clock.wait(Math.floor(random() < 0.1 ? random() * slowest : 40 + random() * 200));
    return answered(200);
  });
  const world = { clock, rows, quota, send };
  /** When the calls of an attempt went out, until it was held. */
  const attempt = async (process: Process, { fresh, calls: count, budget }: Attempt) => {
    const gate = process.gate(fresh);
    const { headers, until } = callWithin(budget, clock);
    const times: number[] = [];
    gate.expectCalls({ calls: count });
    for (let one = 0; one < count; one += 1) {
      const result = await gate.send({ ...callWithin(budget, clock), headers, until });
      if (result.kind === 'held') break;
      times.push(clock.now());
    }
    return times;
  };
  return { clock, calls, start: () => startProcess(world), attempt };
}

interface Drawn {
  readonly seed: number;
  readonly limit: number;
  readonly share: number;
  readonly periodMs: number;
  readonly sweeps: boolean;
  readonly slowest: number;
}

describe('calls in every sliding period', () => {
  const world = fc.record<Drawn>({
    seed: fc.integer(),
    limit: fc.constantFrom(1, 2, 5, 10, 40, 100, 250),
    share: fc.constantFrom(0.3, 0.5, 1),
    periodMs: fc.constantFrom(minute, hour),
    sweeps: fc.boolean(),
    slowest: fc.constantFrom(300, 6000),
  });

  it('are at most the share, for 1 to 50 cold starts at once, the sweep, and answers that take their time', async () => {
    let calls = 0;
    const each = async ({ seed, limit, share, periodMs, sweeps, slowest }: Drawn) => {
      const random = chance(seed);
      const open = opened({ limit, share, periodMs }, random, slowest);
      const ends = now + 2.5 * periodMs;
      const freshOnes = async () => {
        while (open.clock.now() < ends) {
          const many = random() < 0.3 ? 1 + Math.floor(random() * 50) : 1;
          for (let one = 0; one < many; one += 1) {
            void open.attempt(open.start(), { fresh: true, calls: 1 + Math.floor(random() * 3), budget: 7000 });
          }
          await open.clock.wait(Math.floor((random() * periodMs) / (random() < 0.5 ? 4 : 40)));
        }
      };
      const sweeper = open.start();
      const worker = async () => {
        while (open.clock.now() < ends) {
          await open.attempt(sweeper, { fresh: false, calls: 1 + Math.floor(random() * 5), budget: 25 * second });
          await open.clock.wait(Math.floor(random() * (random() < 0.1 ? periodMs / 4 : 100)) + 1);
        }
      };
      void freshOnes();
      if (sweeps) for (let one = 0; one < 5; one += 1) void worker();
      await open.clock.run();
      const times = open.calls.map(({ at }) => at);
      calls += times.length;
      expect(mostInAPeriod(times, periodMs)).toBeLessThanOrEqual(mostAllowed(limit, share));
    };
    await eventuallyHolds(fc.asyncProperty(world, each));
    expect(calls).toBeGreaterThan(1000);
  });
});

describe('while the sweep drains a backlog', () => {
  it.each([
    [100, 0.5, 2],
    [100, 1, 2],
    [2000, 0.5, 2],
    [100, 0.5, 5],
    [60, 0.5, 5],
    [20, 1, 1],
  ])(
    'of %i a minute at a share of %d, with attempts of %i calls, fresh requests get their turn in their budget',
    async (limit, share, each) => {
      const random = chance(limit + each);
      const open = opened({ limit, share, periodMs: minute }, random, 200);
      const ends = now + 5 * minute;
      const sweeper = open.start();
      const worker = async () => {
        while (open.clock.now() < ends) {
          await open.attempt(sweeper, { fresh: false, calls: each, budget: 25 * second });
          await open.clock.wait(20);
        }
      };
      const waited: number[] = [];
      const freshOnes = async () => {
        while (open.clock.now() < ends) {
          await open.clock.wait(15 * second + Math.floor(random() * 5 * second));
          const asked = open.clock.now();
          const [first = Number.POSITIVE_INFINITY] = await open.attempt(open.start(), {
            fresh: true,
            calls: 2,
            budget: 7000,
          });
          waited.push(first - asked);
        }
      };
      await open.clock.finish(Promise.all([...Array.from({ length: 5 }, worker), freshOnes()]));
      expect(waited.length).toBeGreaterThanOrEqual(10);
      expect(Math.max(...waited)).toBeLessThan(7000);
      const used = open.calls.filter(({ at }) => at < ends).length / 5;
      expect(used).toBeGreaterThan(limit * share * 0.8);
    },
  );
});
