import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { next, receiptOf } from '../support/receipt-builders.ts';
import { runMix } from './scenarios/mix.ts';
import { broken } from './support/bounds.ts';
import { defects } from './support/defects.ts';
import { calm, wild } from './support/faults.ts';
import { judge } from './support/judge.ts';
import { live } from './support/live.ts';
import { newAskOf } from './support/people.ts';
import { townOf } from './support/population.ts';
import { mostInWindow } from './support/windows.ts';
import { openWorld, type World } from './support/world.ts';

describe('planted defect', () => {
  it.each(
    defects.flatMap(({ also, name, ...first }) => [first, also ?? []].flat().map(change => [name, change] as const)),
  )('%s: can be planted', (_, { file, is }) => {
    expect(readFileSync(join(import.meta.dirname, '../..', file), 'utf8').split(is)).toHaveLength(2);
  });
});

describe('seed', () => {
  it('runs: are equal for the same seed and differ for another', async () => {
    const run = (seed: number) => runMix({ seed, requests: 40, mix: wild, projects: ['main', 'us'] });
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });
});

/** Runs one request to its end and returns its world. */
async function ended(): Promise<{ world: World; uid: string }> {
  const world = openWorld({ seed: 1, mix: calm });
  const ask = { ...newAskOf('source', 1, world.start, townOf(world)), callbacks: 1 };
  world.truth.ask(ask);
  await live(world, { deliveries: [[0, ask]], oddSweeps: 0, longest: 3_600_000 });
  return { world, uid: ask.uid };
}

describe('judge', () => {
  it('correct run: has no violations', async () => {
    const { world } = await ended();
    await judge(world);
    expect(world.truth.violations).toEqual([]);
    world.close();
  });

  it('changed closed receipt: is a violation', async () => {
    const { world } = await ended();
    const [receipt] = world.watch.receipts.values();
    await world.stores.store.replace(next(receipt ?? receiptOf(), { state: 'no-match' }));
    expect(world.truth.violations.join()).toContain('a closed receipt changed');
    world.close();
  });

  it('deletion of another customer: is a violation', async () => {
    const { world } = await ended();
    const id = world.voucherify.sandbox.register({ source_id: 'another' }, 'main');
    const url = new URL(`https://main.api.voucherify.io/v1/customers/${id}/permanent-deletion`);
    const headers = { 'X-App-Id': 'app-main', 'X-App-Token': 'token-of-main' };
    world.voucherify.port.arrives({ method: 'POST', url, headers, until: 0 });
    await judge(world);
    expect(world.truth.violations.join()).toContain(`wrong: ${id} was never asked for`);
    world.close();
  });

  it('accepted request without a receipt: is a violation', async () => {
    const { world } = await ended();
    const lost = newAskOf('source', 2, world.start, townOf(world));
    world.truth.ask(lost);
    void world.sender.deliver(lost);
    await world.time.run(() => world.sender.exchanges.get(lost.uid)?.accepted === true);
    const receipts = new Map([...world.watch.receipts].filter(([, { reference }]) => reference !== lost.uid));
    await judge({ ...world, watch: { ...world.watch, receipts } });
    expect(world.truth.violations.join()).toContain('lost: accepted, and no receipt');
    world.close();
  });

  it('remaining customer with outcome erased: is a violation', async () => {
    const { world, uid } = await ended();
    const ask = newAskOf('source', 3, world.start, townOf(world));
    const [receipt] = world.watch.receipts.values();
    world.truth.closed(ask, receipt ?? receiptOf());
    expect(world.truth.violations.join()).toContain(`falsely erased (${ask.uid})`);
    expect(world.truth.violations.join()).not.toContain(uid);
    world.close();
  });
});

describe('measurements', () => {
  it('window: the fullest one, wherever it starts', () => {
    const at = [0, 30_000, 59_999, 60_000, 89_999, 120_001].map(time => ({ project: 'main', at: time, status: 200 }));
    expect(mostInWindow([...at, { project: 'us', at: 1, status: 200 }], 'main', 60_000)).toBe(4);
  });

  it('bound: is violated by a larger value or NaN', () => {
    expect(broken(['calls', 50, 50], ['calls', 51, 50], ['ratio', Number.NaN, 1])).toEqual([
      'calls: 51, and at most 50 is allowed',
      'ratio: NaN, and at most 1 is allowed',
    ]);
  });
});
