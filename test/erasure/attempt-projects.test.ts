import { describe, expect, test } from 'vitest';
import { clientsFor, openProjects, releaseFirstCalls, reserveFirstCalls } from '../../lambda/erasure/attempt.ts';
import { decideRetry } from '../../lambda/receipts/transitions.ts';
import { type Adapters, createServices } from '../../lambda/services.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { ada, createHarness, type Harness, one, start } from '../support/harness.ts';
import { receiptOf } from '../support/receipt-builders.ts';
import { html, response } from '../support/voucherify-responses.ts';

const adaUs = 'cust_AAAAAAAAAAAAAAAAAAAAAAUS';

const projects = ['main', 'us'];

function inBoth(options = {}): Harness {
  const harness = createHarness({ projects, ...options });
  harness.addCustomer({ id: ada, source_id: 'crm-1' }, 'main');
  harness.addCustomer({ id: adaUs, source_id: 'crm-1' }, 'us');
  return harness;
}

const isOf = (project: string) => (call: { url: URL }) => call.url.hostname === `${project}.api.voucherify.io`;

const wrong = response(200, { status: 'DONE', related_object_id: 'cust_ELSE', data_json: { customer: 1 } });

const retry = { at: start, actor: 'on-call', action: 'retry', reason: 'mended' } as const;

/** Two projects with a customer each; `main` is the first that is worked on. */
function twoProjects() {
  const harness = createHarness({ projects: ['main', 'us'] });
  harness.addCustomer({ source_id: 'crm-1' }, 'main');
  harness.addCustomer({ source_id: 'crm-1' }, 'us');
  return harness;
}

describe('clients of an attempt', () => {
  const untouched = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] } as const;

  test('projects: the open ones, and only those of the settings have a client', async () => {
    const { services } = createHarness({ projects });
    const states = { main: untouched, gone: untouched, us: { ...untouched, state: 'erased' } } as const;
    const receipt = receiptOf({ projects: states });
    expect(openProjects(receipt)).toEqual(['main', 'gone']);
    const clients = clientsFor(receipt, { fresh: true }, services);
    expect([...clients.keys()]).toEqual(['main']);
    expect(await reserveFirstCalls(receipt, clients, start + 7000)).toEqual({ isReserved: true, limitedUntil: 0 });
    expect(await releaseFirstCalls(clients)).toBeUndefined();
  });

  test('all rate-limited: the first time when one of them may be called again counts', async () => {
    const harness = createHarness({ projects });
    for (const [index, project] of projects.entries()) {
      const openUntil = start + (2 - index) * 600_000;
      const breaker = { code: 'voucherify-429', trips: 0, openedAt: start, openUntil };
      await harness.store.control.write(`rate-limit#${project}`, 0, { notBefore: 0, breaker });
    }
    const receipt = receiptOf({ projects: { main: untouched, us: untouched } });
    const clients = clientsFor(receipt, { fresh: true }, harness.services);
    const limitedUntil = start + 600_000;
    expect(await reserveFirstCalls(receipt, clients, start + 7000)).toEqual({ isReserved: false, limitedUntil });
  });

  test('released: the reserved calls are free for another attempt', async () => {
    const harness = createHarness({ project: { callsPerMinute: 1, quotaShare: 1, quotaPeriod: 'hour' } });
    const receipt = receiptOf({ projects: { main: untouched } });
    const clients = () => clientsFor(receipt, { fresh: false }, harness.services);
    const first = clients();
    const until = start + 7000;
    expect(await reserveFirstCalls(receipt, first, until)).toMatchObject({ isReserved: true });
    expect(await reserveFirstCalls(receipt, clients(), until)).toMatchObject({ isReserved: false });
    await releaseFirstCalls(first);
    expect(await reserveFirstCalls(receipt, clients(), until)).toMatchObject({ isReserved: true });
  });
});

describe('two projects', () => {
  test('customer in both: is deleted in both, under each project’s id', async () => {
    const harness = inBoth();
    const { outcome } = await harness.erase(one('source_id', 'crm-1'));
    const proofs = [
      { project: 'main', pin: 0, received: { related_object_id: ada } },
      { project: 'us', pin: 0, received: { related_object_id: adaUs } },
    ];
    expect(outcome).toMatchObject({ kind: 'erased', deletions: proofs });
    expect(harness.sandbox.deletions()).toMatchObject([
      { project: 'main', customerId: ada },
      { project: 'us', customerId: adaUs },
    ]);
  });

  test.each(projects)('failure in %s only: is never reported as erased', async failing => {
    const harness = inBoth();
    harness.intercept = (call, pass) => (isOf(failing)(call) ? response(500, html) : pass());
    const { receipt, outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    const [well] = projects.filter(project => project !== failing);
    expect(receipt.projects).toMatchObject({ [failing]: { state: 'open' }, [well ?? '']: { state: 'erased' } });
    for (let tries = 0; tries < 4; tries += 1) {
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
      expect(harness.deleted()).toHaveLength(1);
    }
    harness.intercept = undefined;
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(closed.state).toBe('erased');
    expect(harness.deleted().toSorted()).toEqual([ada, adaUs]);
  });

  test('finished project: is not called again', async () => {
    const harness = inBoth();
    harness.intercept = (call, pass) => (isOf('us')(call) ? response(500, html) : pass());
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    const hosts: string[] = [];
    harness.intercept = (call, pass) => {
      hosts.push(call.url.hostname);
      return pass();
    };
    await harness.sweepWhenDue(receipt.id);
    expect(new Set(hosts)).toEqual(new Set(['us.api.voucherify.io']));
  });

  test('failure in the first project: does not stop the second', async () => {
    for (const result of [response(401, {}), response(429, {}), response(400, {}), response(200, {})]) {
      const harness = inBoth();
      harness.intercept = (call, pass) => (isOf('main')(call) ? result : pass());
      await harness.erase(one('source_id', 'crm-1'));
      expect(harness.deleted()).toEqual([adaUs]);
    }
  });

  test('alarm: names the project whose key is refused', async () => {
    const harness = inBoth();
    harness.intercept = (call, pass) => (isOf('us')(call) ? response(401, {}) : pass());
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(harness.lines.filter(({ event }) => event === 'alarm')).toEqual([
      {
        event: 'alarm',
        alarm: 'voucherify-key-refused',
        platform: receipt.platform,
        receipt: receipt.id,
        project: 'us',
        code: 'voucherify-401',
      },
    ]);
  });

  test('review in one project: puts the request in review and keeps the proofs of the other', async () => {
    const harness = inBoth();
    harness.intercept = (call, pass) => (isOf('us')(call) ? response(422, {}) : pass());
    const { receipt, outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'needs-review' });
    expect(receipt).toMatchObject({
      reason: 'voucherify-422',
      projects: { main: { state: 'erased', deletions: [{ pin: 0 }] } },
    });
  });

  test('time: each project gets its share', async () => {
    const harness = inBoth();
    const latest = new Map<string, number>();
    harness.intercept = (call, pass) => {
      latest.set(call.url.hostname, call.until);
      return pass();
    };
    await harness.erase(one('source_id', 'crm-1'));
    expect(latest.get('main.api.voucherify.io')).toBe(start + 3500);
    expect(latest.get('us.api.voucherify.io')).toBe(start + 7000);
  });

  test('key: is never sent to another project', async () => {
    const harness = inBoth();
    const seen = new Set<string>();
    harness.intercept = (call, pass) => {
      seen.add(`${call.url.hostname} ${call.headers['X-App-Id']}`);
      return pass();
    };
    await harness.erase(one('source_id', 'crm-1'));
    expect(seen).toEqual(new Set(['main.api.voucherify.io app-main', 'us.api.voucherify.io app-us']));
  });
});

describe('project removed from settings', () => {
  test('receipt: needs review after the other project is finished', async () => {
    let ports: Adapters | undefined;
    const harness = inBoth({
      change: (real: Adapters) => {
        ports = real;
        return {};
      },
    });
    const receipt = await harness.accept(one('source_id', 'crm-1'));
    if (ports === undefined) throw new Error('no ports');
    const { us: _, ...left } = ports.settings.projects;
    const without = createServices({ ...ports, settings: { ...ports.settings, projects: left } });
    await sweep(without, start + 50_000);
    expect(await harness.receipt(receipt.id)).toMatchObject({
      state: 'needs-review',
      reason: 'project-not-in-settings',
      projects: { main: { state: 'erased' }, us: { state: 'open' } },
    });
    expect(harness.deleted()).toEqual([ada]);
  });
});

describe('wrong customer deleted in one project', () => {
  test('next project: gets no deletion', async () => {
    const harness = twoProjects();
    harness.intercept = ({ method }, pass) => (method === 'POST' ? wrong : pass());
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
    expect(harness.sent.filter(call => call.startsWith('POST'))).toHaveLength(1);
  });

  test('failure of another project: does not hide it, and the receipt is never retried', async () => {
    const harness = twoProjects();
    let posts = 0;
    harness.intercept = ({ method }, pass) => {
      if (method !== 'POST') return pass();
      posts += 1;
      return posts === 1 ? response(400, {}) : wrong;
    };
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(posts).toBe(2);
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
    expect(decideRetry(receipt, retry)).toBeUndefined();
  });
});
