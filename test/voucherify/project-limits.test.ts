import { describe, expect, it, onTestFinished } from 'vitest';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { parseSettings } from '../../lambda/io/settings.ts';
import { openProject, type Project } from '../../lambda/voucherify/project.ts';
import { type VirtualClock, virtualClock } from '../support/pace-clock.ts';
import { hour, minute, now, second } from '../support/pace-heard.ts';
import { memoryRows } from '../support/pace-rows.ts';
import { respond } from '../support/pace-tokens.ts';
import { mostInAPeriod } from '../support/pace-windows.ts';

const key = { appId: 'app-1', appToken: 'token-1' };

interface Shop {
  readonly clock: VirtualClock;
  readonly sandbox: Sandbox;
  /** When each call reached Voucherify. */
  times(): readonly number[];
  refusals(): readonly number[];
  /** A process that has just started. */
  start(): Project;
  /** Looks somebody up and deletes them, in a process of its own unless another is given; how far it came. */
  erase(fresh: boolean, project?: Project): Promise<number>;
}

/** A shop on a plan, over the sandbox's own limiter, which refuses whatever is beyond it. */
function shopOn(calls: number, periodMs: number, settings: object): Shop {
  const clock = virtualClock(now);
  const limit = { calls, periodSeconds: periodMs / second };
  const sandbox = openSandbox({ now: clock.now, keys: [{ ...key, project: 'main' }], limit });
  onTestFinished(() => sandbox.close());
  const control = memoryRows(() => clock.wait(3));
  const project = { baseUrl: 'https://api.voucherify.io', ...settings };
  const needs = {
    settings: parseSettings(JSON.stringify({ projects: { main: project }, platforms: {} }), 'deployed'),
    readSecret: async () => JSON.stringify(key),
    control,
    now: clock.now,
    wait: clock.wait,
    send: async (call: Parameters<typeof respond>[1]) => {
      await clock.wait(40);
      const answer = respond(sandbox, call);
      await clock.wait(60);
      return answer;
    },
  };
  let receipts = 0;
  const shop: Shop = {
    clock,
    sandbox,
    times: () => sandbox.calls().map(({ at }) => at),
    refusals: () => sandbox.calls().flatMap(({ at, status }) => (status === 429 ? [at] : [])),
    start: () => openProject('main', needs),
    erase: async (fresh, process = shop.start()) => {
      receipts += 1;
      const until = clock.now() + (fresh ? 7 : 25) * second;
      const way = process.attempt({ receipt: `receipt-${receipts}`, fresh });
      if ((await way.reserve({ calls: 2 }, until)) !== undefined) return 0;
      const found = await way.voucherify.lookUp('nobody', until);
      if (found.result.kind !== 'answer') return 0;
      const gone = await way.voucherify.deletePermanently('cust_nobody', until);
      return gone.result.kind === 'answer' ? 2 : 1;
    },
  };
  return shop;
}

/** Fresh requests, up to fifty at once in cold processes, beside a sweep that always has something to do. */
async function busy(shop: Shop, ends: number): Promise<void> {
  const sweeper = shop.start();
  const worker = async () => {
    while (shop.clock.now() < ends) {
      const calls = await shop.erase(false, sweeper);
      await shop.clock.wait(calls === 0 ? 20 * second : 50);
    }
  };
  const freshOnes = async () => {
    for (const many of [50, 1, 1, 10, 1, 25, 50]) {
      await Promise.all(Array.from({ length: many }, () => shop.erase(true)));
      await shop.clock.wait((ends - now) / 10);
    }
  };
  await shop.clock.finish(Promise.all([...Array.from({ length: 5 }, worker), freshOnes()]));
}

describe.each(['api-key', 'oauth'])('a busy shop, by %s', auth => {
  it.each([
    ['Business', 100, 0.5],
    ['Business, all of it ours', 100, 1],
    ['Organization', 2000, 0.5],
    ['a tiny one', 4, 0.5],
  ])('on the plan %s never meets its limit, and leaves the others their part', async (_, limit, quotaShare) => {
    const shop = shopOn(limit, minute, { auth, quotaShare, callsPerMinute: limit });
    await busy(shop, now + 3 * minute);
    expect(shop.refusals()).toEqual([]);
    expect(mostInAPeriod(shop.times(), minute)).toBeLessThanOrEqual(limit * quotaShare);
    expect(shop.times().length).toBeGreaterThan(limit * quotaShare);
  });

  it('on the hourly plan finds that out by itself, although settings assume a minute', async () => {
    const shop = shopOn(100, hour, { auth });
    await busy(shop, now + 2.5 * hour);
    expect(shop.refusals()).toEqual([]);
    const times = shop.times();
    const inTheFirst = times.filter(at => at < now + hour).length;
    expect(inTheFirst).toBeLessThanOrEqual(60);
    expect(
      mostInAPeriod(
        times.filter(at => at >= now + hour),
        hour,
      ),
    ).toBeLessThanOrEqual(50);
    expect(times.length).toBeGreaterThan(90);
  });
});

describe('a checkout that needs more than its part', () => {
  it('gets it: what is left of the minute is not touched', async () => {
    const shop = shopOn(100, minute, { callsPerMinute: 100 });
    const headers = { 'x-app-id': 'app-1', 'x-app-token': 'token-1' };
    const checkout = () => shop.sandbox.respond({ method: 'GET', target: '/v1/customers/a', headers, body: '' });
    for (let call = 0; call < 70; call += 1) checkout();
    const sweeper = shop.start();
    expect(await shop.clock.finish(shop.erase(false, sweeper))).toBe(2);
    expect(await shop.clock.finish(shop.erase(false, sweeper))).toBe(0);
    expect(await shop.clock.finish(shop.erase(true))).toBe(0);
    expect(shop.times().filter(at => at > now)).toHaveLength(2);
    await shop.clock.run(now + minute);
    expect(await shop.clock.finish(shop.erase(true))).toBe(2);
  });

  it('and uses all of it stops us by a refusal a process, until the minute is over', async () => {
    const shop = shopOn(100, minute, { callsPerMinute: 100 });
    const headers = { 'x-app-id': 'app-1', 'x-app-token': 'token-1' };
    for (let call = 0; call < 100; call += 1) {
      shop.sandbox.respond({ method: 'GET', target: '/v1/customers/a', headers, body: '' });
    }
    const sweeper = shop.start();
    for (let one = 0; one < 20; one += 1) {
      await shop.clock.finish(Promise.all([shop.erase(true), shop.erase(false, sweeper)]));
      await shop.clock.run(shop.clock.now() + second);
    }
    expect(shop.refusals().length).toBeLessThanOrEqual(2);
    expect(shop.times().filter(at => at > now + 5 * second && at < now + minute)).toEqual([]);
    await shop.clock.run(now + minute + second);
    expect(await shop.clock.finish(shop.erase(true))).toBe(2);
  });
});
