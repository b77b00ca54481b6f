import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { describeStore } from '../receipts/store.contract.ts';
import { kept, next, now, putOff, receiptOf } from '../support/receipt-builders.ts';
import { scenarios } from './scenarios/index.ts';
import { runMix } from './scenarios/mix.ts';
import { defects } from './support/defects.ts';
import { calm, wild } from './support/faults.ts';
import { exceeded, mostInWindow } from './support/measures.ts';
import { registryOf } from './support/population.ts';
import { newRequestOf } from './support/requests.ts';
import { runSimulation } from './support/run-simulation.ts';
import { openSimulation, type Simulation } from './support/simulation.ts';
import { withLaggingIndex } from './support/store-variants.ts';
import { verify } from './support/verify.ts';

describe('planted defect', () => {
  test.each(
    defects.flatMap(({ also, name, ...first }) => [first, also ?? []].flat().map(change => [name, change] as const)),
  )('%s: can be planted', (_, { file, is }) => {
    expect(readFileSync(join(import.meta.dirname, '../..', file), 'utf8').split(is)).toHaveLength(2);
  });
});

describe('scenarios', () => {
  test('tests: run each scenario in the small size', () => {
    const files = ['scenarios.test.ts', 'quota.test.ts'].map(file =>
      readFileSync(join(import.meta.dirname, file), 'utf8'),
    );
    expect(Object.keys(scenarios).filter(name => !files.join().includes(`'${name}'`))).toEqual([]);
  });

  test('seed: the same one gives the same run, another one does not', async () => {
    const run = (seed: number) => runMix({ seed, requests: 40, mix: wild, projects: ['main', 'us'] });
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });
});

/** Runs one request to its end and returns its simulation. */
async function finished(): Promise<{ sim: Simulation; uid: string }> {
  const sim = openSimulation({ seed: 1, mix: calm });
  const request = { ...newRequestOf('source', 1, sim.start, registryOf(sim)), callbacks: 1 };
  sim.truth.add(request);
  await runSimulation(sim, { deliveries: [[0, request]], oddSweeps: 0, longest: 3_600_000 });
  return { sim, uid: request.uid };
}

describe('verify', () => {
  test('correct run: has no violations', async () => {
    const { sim } = await finished();
    await verify(sim);
    expect(sim.truth.violations).toEqual([]);
    sim.close();
  });

  test('changed closed receipt: is a violation', async () => {
    const { sim } = await finished();
    const [receipt] = sim.watch.receipts.values();
    await sim.stores.store.replace(next(receipt ?? receiptOf(), { state: 'no-match' }));
    expect(sim.truth.violations.join()).toContain('a closed receipt changed');
    sim.close();
  });

  test('deletion of another customer: is a violation', async () => {
    const { sim } = await finished();
    const id = sim.voucherify.sandbox.register({ source_id: 'another' }, 'main');
    const url = new URL(`https://main.api.voucherify.io/v1/customers/${id}/permanent-deletion`);
    const headers = { 'X-App-Id': 'app-main', 'X-App-Token': 'token-of-main' };
    sim.voucherify.port.arrives({ method: 'POST', url, headers, until: 0 });
    await verify(sim);
    expect(sim.truth.violations.join()).toContain(`wrong: ${id} was not requested`);
    sim.close();
  });

  test('accepted request without a receipt: is a violation', async () => {
    const { sim } = await finished();
    const lost = newRequestOf('source', 2, sim.start, registryOf(sim));
    sim.truth.add(lost);
    void sim.sender.deliver(lost);
    await sim.time.run(() => sim.sender.exchanges.get(lost.uid)?.accepted === true);
    const receipts = new Map([...sim.watch.receipts].filter(([, { reference }]) => reference !== lost.uid));
    await verify({ ...sim, watch: { ...sim.watch, receipts } });
    expect(sim.truth.violations.join()).toContain('lost: accepted without a receipt');
    sim.close();
  });

  test('remaining customer with outcome erased: is a violation', async () => {
    const { sim, uid } = await finished();
    const request = newRequestOf('source', 3, sim.start, registryOf(sim));
    const [receipt] = sim.watch.receipts.values();
    sim.truth.closed(request, receipt ?? receiptOf());
    expect(sim.truth.violations.join()).toContain(`falsely erased (${request.uid})`);
    expect(sim.truth.violations.join()).not.toContain(uid);
    sim.close();
  });
});

describe('measurements', () => {
  test('window: finds the largest count at any start', () => {
    const at = [0, 30_000, 59_999, 60_000, 89_999, 120_001].map(time => ({ project: 'main', at: time, status: 200 }));
    expect(mostInWindow([...at, { project: 'us', at: 1, status: 200 }], 'main', 60_000)).toBe(4);
  });

  test('bound: is exceeded by a larger value or NaN', () => {
    expect(exceeded(['calls', 50, 50], ['calls', 51, 50], ['ratio', Number.NaN, 1])).toEqual([
      'calls: 51, the maximum is 50',
      'ratio: NaN, the maximum is 1',
    ]);
  });
});

function openLagging(later: (update: () => void) => void) {
  const sqlite = openSqliteStore(':memory:');
  return { store: withLaggingIndex(sqlite, later), close: () => sqlite.close() };
}

describeStore('lagging store without a lag', async () => openLagging(update => update()));

test('lagging index: due() follows the index, in any order of its updates', async () => {
  const updates: (() => void)[] = [];
  const { store, close } = openLagging(update => updates.push(update));
  const receipt = receiptOf();
  await store.accept(receipt, kept);
  expect(await store.due('erase', now, 10)).toEqual([]);
  await store.replace(putOff(receipt, now + 60_000));
  const [accepted, postponed] = updates;
  postponed?.();
  accepted?.();
  expect(await store.due('erase', now, 10)).toEqual([]);
  expect(await store.due('erase', now + 60_000, 10)).toEqual([receipt.id]);
  close();
});
