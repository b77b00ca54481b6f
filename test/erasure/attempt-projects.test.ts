import { describe, expect, it } from 'vitest';
import { decideRetry } from '../../lambda/receipts/transitions.ts';
import { type Adapters, createServices } from '../../lambda/services.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { answer, html } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';

const adaUs = 'cust_AAAAAAAAAAAAAAAAAAAAAAUS';

const projects = ['main', 'us'];

function inBoth(options = {}): ErasingHouse {
  const house = erasingHouse({ projects, ...options });
  house.person({ id: ada, source_id: 'crm-1' }, 'main');
  house.person({ id: adaUs, source_id: 'crm-1' }, 'us');
  return house;
}

const isOf = (project: string) => (call: { url: URL }) => call.url.hostname === `${project}.api.voucherify.io`;

const wrong = answer(200, { status: 'DONE', related_object_id: 'cust_ELSE', data_json: { customer: 1 } });

const retry = { at: start, actor: 'on-call', action: 'retry', reason: 'mended' } as const;

/** Two projects with a customer each; `main` is the first that is worked on. */
function houseOfTwo() {
  const house = erasingHouse({ projects: ['main', 'us'] });
  house.person({ source_id: 'crm-1' }, 'main');
  house.person({ source_id: 'crm-1' }, 'us');
  return house;
}

describe('two projects', () => {
  it('customer in both: is deleted in both, under each project’s id', async () => {
    const house = inBoth();
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    const proofs = [
      { project: 'main', pin: 0, received: { related_object_id: ada } },
      { project: 'us', pin: 0, received: { related_object_id: adaUs } },
    ];
    expect(outcome).toMatchObject({ kind: 'erased', deletions: proofs });
    expect(house.sandbox.deletions()).toMatchObject([
      { project: 'main', customerId: ada },
      { project: 'us', customerId: adaUs },
    ]);
  });

  it.each(projects)('failure in %s only: is never reported as erased', async failing => {
    const house = inBoth();
    house.meddle = (call, pass) => (isOf(failing)(call) ? answer(500, html) : pass());
    const { receipt, outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    const [well] = projects.filter(project => project !== failing);
    expect(receipt.projects).toMatchObject({ [failing]: { state: 'open' }, [well ?? '']: { state: 'erased' } });
    for (let tries = 0; tries < 4; tries += 1) {
      expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
      expect(house.deleted()).toHaveLength(1);
    }
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed.state).toBe('erased');
    expect(house.deleted().toSorted()).toEqual([ada, adaUs]);
  });

  it('finished project: is not called again', async () => {
    const house = inBoth();
    house.meddle = (call, pass) => (isOf('us')(call) ? answer(500, html) : pass());
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    const hosts: string[] = [];
    house.meddle = (call, pass) => {
      hosts.push(call.url.hostname);
      return pass();
    };
    await house.sweepWhenDue(receipt.id);
    expect(new Set(hosts)).toEqual(new Set(['us.api.voucherify.io']));
  });

  it('failure in the first project: does not stop the second', async () => {
    for (const result of [answer(401, {}), answer(429, {}), answer(400, {}), answer(200, {})]) {
      const house = inBoth();
      house.meddle = (call, pass) => (isOf('main')(call) ? result : pass());
      await house.ask(one('source_id', 'crm-1'));
      expect(house.deleted()).toEqual([adaUs]);
    }
  });

  it('alarm: names the project whose key is refused', async () => {
    const house = inBoth();
    house.meddle = (call, pass) => (isOf('us')(call) ? answer(401, {}) : pass());
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(house.lines.filter(({ event }) => event === 'alarm')).toEqual([
      {
        event: 'alarm',
        alarm: 'voucherify-key-refused',
        platform: receipt.platform,
        receipt: receipt.id,
        project: 'us',
      },
    ]);
  });

  it('review in one project: puts the request in review and keeps the proofs of the other', async () => {
    const house = inBoth();
    house.meddle = (call, pass) => (isOf('us')(call) ? answer(422, {}) : pass());
    const { receipt, outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'needs-review' });
    expect(receipt).toMatchObject({
      reason: 'voucherify-422',
      projects: { main: { state: 'erased', deletions: [{ pin: 0 }] } },
    });
  });

  it('match in one project: is erased', async () => {
    const house = erasingHouse({ projects });
    house.person({ id: adaUs, source_id: 'crm-1' }, 'us');
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({
      state: 'erased',
      projects: { main: { state: 'no-match' }, us: { state: 'erased' } },
    });
  });

  it('match in no project: is no match', async () => {
    const { outcome } = await erasingHouse({ projects }).ask(one('source_id', 'crm-1'));
    expect(outcome).toEqual({ kind: 'no-match', at: start, deletions: [] });
  });

  it('time: each project gets its share', async () => {
    const house = inBoth();
    const latest = new Map<string, number>();
    house.meddle = (call, pass) => {
      latest.set(call.url.hostname, call.until);
      return pass();
    };
    await house.ask(one('source_id', 'crm-1'));
    expect(latest.get('main.api.voucherify.io')).toBe(start + 3500);
    expect(latest.get('us.api.voucherify.io')).toBe(start + 7000);
  });

  it('key: is never sent to another project', async () => {
    const house = inBoth();
    const seen = new Set<string>();
    house.meddle = (call, pass) => {
      seen.add(`${call.url.hostname} ${call.headers['X-App-Id']}`);
      return pass();
    };
    await house.ask(one('source_id', 'crm-1'));
    expect(seen).toEqual(new Set(['main.api.voucherify.io app-main', 'us.api.voucherify.io app-us']));
  });
});

describe('project removed from settings', () => {
  it('receipt: needs review after the other project is finished', async () => {
    let ports: Adapters | undefined;
    const house = inBoth({
      change: (real: Adapters) => {
        ports = real;
        return {};
      },
    });
    const receipt = await house.accept(one('source_id', 'crm-1'));
    if (ports === undefined) throw new Error('no ports');
    const { us: _, ...left } = ports.settings.projects;
    const without = createServices({ ...ports, settings: { ...ports.settings, projects: left } });
    await sweep(without, start + 50_000);
    expect(await house.receipt(receipt.id)).toMatchObject({
      state: 'needs-review',
      reason: 'project-not-in-settings',
      projects: { main: { state: 'erased' }, us: { state: 'open' } },
    });
    expect(house.deleted()).toEqual([ada]);
  });
});

describe('wrong customer deleted in one project', () => {
  it('next project: gets no deletion', async () => {
    const house = houseOfTwo();
    house.meddle = ({ method }, pass) => (method === 'POST' ? wrong : pass());
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(1);
  });

  it('failure of another project: does not hide it, and the receipt is never retried', async () => {
    const house = houseOfTwo();
    let posts = 0;
    house.meddle = ({ method }, pass) => {
      if (method !== 'POST') return pass();
      posts += 1;
      return posts === 1 ? answer(400, {}) : wrong;
    };
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(posts).toBe(2);
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
    expect(decideRetry(receipt, retry)).toBeUndefined();
  });
});
