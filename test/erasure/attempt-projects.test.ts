import { describe, expect, test } from 'vitest';
import { setLegalHold } from '../../lambda/control/legal-holds.ts';
import type { Identifier } from '../../lambda/domain/identifiers.ts';
import { clientsFor, openProjects, releaseFirstCalls, reserveFirstCalls } from '../../lambda/erasure/attempt.ts';
import { type AttemptInput, eraseInProject } from '../../lambda/erasure/erase-in-project.ts';
import type { ProjectProgress } from '../../lambda/receipts/receipt.ts';
import type { PersonalDataWithPins, SideWrites } from '../../lambda/receipts/store.ts';
import { decideRetry } from '../../lambda/receipts/transitions.ts';
import { type Adapters, createServices } from '../../lambda/services.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import type { ProjectClient } from '../../lambda/voucherify/client.ts';
import {
  type DeletionResult,
  type LookUpResponse,
  needsReview,
  retryLater,
} from '../../lambda/voucherify/responses.ts';
import { ada, ben, changedStore, createHarness, type Harness, inReview, one, start } from '../support/harness.ts';
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

const untouched = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] } as const;

describe('clients of an attempt', () => {
  test('projects: the open ones, and only those of the settings have a client', async () => {
    const { services } = createHarness({ projects });
    const states = { main: untouched, gone: untouched, us: { ...untouched, state: 'erased' } } as const;
    const receipt = receiptOf({ projects: states });
    expect(openProjects(receipt)).toEqual(['main', 'gone']);
    const clients = clientsFor(receipt, { fresh: true }, services);
    expect([...clients.keys()]).toEqual(['main']);
    expect(await reserveFirstCalls(receipt, clients, start + 7000)).toMatchObject({
      mayStart: true,
      limitedUntil: 0,
    });
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
    expect(await reserveFirstCalls(receipt, clients, start + 7000)).toMatchObject({ mayStart: false, limitedUntil });
  });

  test('breaker of one project: blocks it, and the other one is called', async () => {
    const harness = createHarness({ projects });
    const breaker = { code: 'voucherify-429', trips: 0, openedAt: start, openUntil: start + 600_000 };
    await harness.store.control.write('rate-limit#us', 0, { notBefore: 0, breaker });
    const receipt = receiptOf({ projects: { main: untouched, us: untouched } });
    const clients = clientsFor(receipt, { fresh: true }, harness.services);
    const reserved = await reserveFirstCalls(receipt, clients, start + 7000);
    expect(reserved).toMatchObject({ mayStart: true, mayEndSooner: true });
  });

  test('released: the reserved calls are free for another attempt', async () => {
    const harness = createHarness({ project: { callsPerMinute: 1, quotaShare: 1, quotaPeriod: 'hour' } });
    const receipt = receiptOf({ projects: { main: untouched } });
    const clients = () => clientsFor(receipt, { fresh: false }, harness.services);
    const first = clients();
    const until = start + 7000;
    expect(await reserveFirstCalls(receipt, first, until)).toMatchObject({ mayStart: true });
    expect(await reserveFirstCalls(receipt, clients(), until)).toMatchObject({ mayStart: false });
    await releaseFirstCalls(first);
    expect(await reserveFirstCalls(receipt, clients(), until)).toMatchObject({ mayStart: true });
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

test('project removed from settings, receipt: needs review after the other project is finished', async () => {
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
  const projects = { main: { state: 'erased' }, us: { state: 'open' } };
  expect(await harness.receipt(receipt.id)).toMatchObject({ ...inReview('project-not-in-settings'), projects });
  expect(harness.deleted()).toEqual([ada]);
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

describe('attempt in one project', () => {
  const appId = 'app-main';
  const later = retryLater('rate-limited', { stop: true, notBefore: start + 5000 });
  const createdAt = '2025-01-01T00:00:00.000Z';
  const customer = (id: string, source_id: string): LookUpResponse => ({
    kind: 'customer',
    customer: { id, source_id, created_at: createdAt },
  });
  const deleted = (id: string): DeletionResult => ({
    kind: 'deleted',
    received: { related_object_id: id, status: 'DONE', data_json: { customer: 1 } },
  });

  interface Situation {
    readonly identifiers?: readonly Identifier[];
    readonly progress?: Partial<ProjectProgress>;
    readonly personalData?: Partial<PersonalDataWithPins>;
    readonly input?: Partial<AttemptInput>;
    readonly atOnce?: number;
    readonly countResidue?: ProjectClient['countResidue'];
    /** The answer to a look-up of a value; by default nobody. */
    readonly looks?: Readonly<Record<string, LookUpResponse>>;
    /** The answer to the deletion of an id; by default it is deleted. */
    readonly deletions?: Readonly<Record<string, DeletionResult>>;
    /** The source_id that a legal hold is set for, or `request` for what the request names. */
    readonly held?: string;
    /** Whether another worker claims the receipt before this attempt. */
    readonly isOvertaken?: boolean;
  }

  async function erasing(situation: Situation) {
    const { identifiers = one('source_id', 'crm-1'), looks = {}, deletions = {}, atOnce = 9 } = situation;
    const writes: SideWrites[] = [];
    const harness = createHarness({
      ...changedStore(store => ({
        replace: (next, also = {}) => {
          writes.push(also);
          return store.replace(next, also);
        },
      })),
    });
    const stored = await harness.accept(identifiers, { attempted: true });
    const main = { ...stored.projects['main']!, ...situation.progress };
    const receipt = { ...stored, revision: 2, projects: { main } };
    await harness.store.replace(receipt);
    if (situation.isOvertaken) await harness.store.replace({ ...receipt, revision: 3, claims: 7 });
    const { subject, appId: appIdHmac } = await harness.services.pseudonymizer();
    if (situation.held !== undefined) {
      const id =
        situation.held === 'request' ? stored.subjectHmacs[0] : subject({ kind: 'source_id', value: situation.held });
      const hold = { id: id ?? '', kind: 'source_id', until: start + 9e9 };
      await setLegalHold({ ...hold, actor: 'ada', reason: 'a lawsuit', at: start }, harness.store.control);
    }
    const sent: string[] = [];
    const client: ProjectClient = {
      capacity: () => ({ atOnce, inAttempt: atOnce }),
      expectCalls: () => undefined,
      release: async () => undefined,
      reserve: async () => undefined,
      lookUp: async value => {
        sent.push(`GET ${value}`);
        return { appId, result: looks[value] ?? { kind: 'no-match' } };
      },
      listByEmail: () => Promise.reject(new Error('no list is needed')),
      countActivities: () => Promise.reject(new Error('no activity is counted')),
      deletePermanently: async id => {
        sent.push(`POST ${id}`);
        return { appId, result: deletions[id] ?? deleted(id) };
      },
      ...(situation.countResidue && { countResidue: situation.countResidue }),
    };
    const data = { reference: 'r', scope: '', identifiers, callbacks: [], pins: {}, lookUps: {} };
    const attempted = await eraseInProject(
      'main',
      {
        ...{ receipt, until: start + 7000, repliesNow: false, clients: new Map([['main', client]]) },
        personalData: { ...data, ...situation.personalData },
        ...situation.input,
      },
      harness.services,
    );
    return { ...attempted, sent, writes, appIdHmac: appIdHmac(appId) };
  }

  const pinOf = (customerId: string, seen = true) => ({ customerId, seen, appIdHmac: 'mac' });
  const two = [...one('source_id', 'crm-1'), ...one('source_id', 'crm-2')];
  const lookedUp = (identifier: number, more: object = {}) => ({
    ...{ identifier, spelling: `crm-${identifier + 1}`, identifiable: true, candidates: [] },
    ...more,
  });

  test('receipt without this project: needs review', async () => {
    const { services } = createHarness();
    const receipt = receiptOf({ projects: {} });
    const clients = clientsFor(receiptOf(), { fresh: true }, services);
    const personalData = { reference: 'r', scope: '', identifiers: [], callbacks: [], pins: {}, lookUps: {} };
    const input = { receipt, personalData, until: start, clients, repliesNow: false };
    expect((await eraseInProject('main', input, services)).result).toMatchObject({ code: 'project-not-in-settings' });
  });

  test('no completed look-up: none is stored, no alarm is raised, and the next attempt starts again', async () => {
    const { result, alarms } = await erasing({ looks: { 'crm-1': later } });
    expect(result).toEqual({ ...later, deletions: [], mayHaveExecuted: false });
    expect(alarms).toEqual([]);
  });

  test('one completed look-up: the next attempt continues after it', async () => {
    const { result } = await erasing({ identifiers: two, looks: { 'crm-2': later } });
    expect(result).toMatchObject({ code: 'rate-limited', resumable: true, lookUps: { results: [{ identifier: 0 }] } });
  });

  test('no look-up besides the stored ones: they are not stored again', async () => {
    const personalData = { lookUps: { main: { appIdHmac: 'mac', results: [lookedUp(0)] } } };
    const { result } = await erasing({ identifiers: two, looks: { 'crm-2': later }, personalData });
    expect(result).toEqual({ ...later, deletions: [], mayHaveExecuted: false });
  });

  test('review of a first set: all look-ups are discarded; of a further set: only those that found somebody', async () => {
    const unclear: LookUpResponse = { kind: 'customer', customer: { id: ben, source_id: 'crm-3' } };
    const candidates = [{ id: ada, seen: true, createdAt, subjectHmacs: [] }];
    const identifiers = [...two, ...one('source_id', 'crm-3')];
    const { appIdHmac } = await erasing({});
    const stored = { appIdHmac, results: [lookedUp(0), lookedUp(1, { candidates })] };
    const situation = { identifiers, personalData: { lookUps: { main: stored } }, looks: { 'crm-3': unclear } };
    const first = await erasing(situation);
    expect(first.result).toMatchObject({ code: 'created-at-missing', lookUps: { results: [] } });
    const further = await erasing({
      ...situation,
      progress: { pins: 1, refusedLookUps: ['voucherify-400'], lookUpAgain: true },
      personalData: { ...situation.personalData, pins: { main: [pinOf(ada)] } },
    });
    expect(further.result).toMatchObject({ code: 'created-at-missing', lookUps: { results: [lookedUp(0)] } });
  });

  test('legal hold: stored look-ups are discarded', async () => {
    const { appIdHmac } = await erasing({});
    const { result } = await erasing({
      ...{ identifiers: two, held: 'crm-2', looks: { 'crm-2': customer(ben, 'crm-2') } },
      personalData: { lookUps: { main: { appIdHmac, results: [lookedUp(0)] } } },
    });
    expect(result).toMatchObject({ kind: 'review', code: 'legal-hold', lookUps: { results: [] } });
  });

  test('refused look-up, nobody found: no hold is asked for, nothing is counted, and the code is the reason', async () => {
    const { result, receipt } = await erasing({
      ...{ looks: { 'crm-1': needsReview('voucherify-400') }, held: 'request' },
      countResidue: () => Promise.reject(new Error('nobody to count for')),
    });
    expect(result).toMatchObject({ kind: 'partial', code: 'voucherify-400' });
    expect(receipt.projects['main']).not.toHaveProperty('residue');
  });

  test('pins: one write stores them and nothing else; unseen ones have no HMAC of an address', async () => {
    const { writes, appIdHmac, result } = await erasing({
      identifiers: [...one('customer_id', ada), ...one('source_id', 'crm-2')],
      looks: { 'crm-2': customer(ben, 'crm-2') },
    });
    const seen = { customerId: ben, seen: true, appIdHmac, subjectHmacs: [expect.any(String)] };
    const pins = [{ customerId: ada, seen: false, appIdHmac }, seen];
    expect(writes).toEqual([{ pins: { project: 'main', pins } }]);
    expect(result).toMatchObject({ kind: 'erased', deletions: [{ pin: 0 }, { pin: 1 }] });
  });

  const again = { pins: 1, refusedLookUps: ['voucherify-400'], lookUpAgain: true, mayHaveExecuted: true };

  test('repeated look-ups that find nobody: write no pins again, and the earlier ones are looked at and deleted', async () => {
    const { writes, sent, result } = await erasing({
      ...{ progress: again, personalData: { pins: { main: [pinOf(ada)] } }, looks: { [ada]: customer(ada, 'crm-9') } },
    });
    expect(writes).toEqual([{}]);
    expect(sent).toEqual(['GET crm-1', `GET ${ada}`, `POST ${ada}`]);
    expect(result).toMatchObject({ kind: 'erased', knownPins: 1 });
  });

  test('repeated look-ups that find nobody, earlier pin without a customer: ends as they say', async () => {
    const { appIdHmac } = await erasing({});
    const pins = { main: [{ customerId: ada, seen: false, appIdHmac }] };
    const { result } = await erasing({
      progress: { ...again, mayHaveExecuted: false },
      personalData: { pins },
      deletions: { [ada]: { kind: 'not-found' } },
    });
    expect(result).toEqual({ kind: 'no-match', deletions: [], knownPins: 1 });
  });

  test('counts of a further set: are added to those of the first', async () => {
    const { receipt } = await erasing({
      progress: { ...again, residue: { before: { redemptions: 2, vouchers: 'no-total' } } },
      personalData: { pins: { main: [pinOf(ada)] } },
      ...{ looks: { 'crm-1': customer(ben, 'crm-1'), [ada]: customer(ada, 'x') } },
      countResidue: async () => ({ redemptions: 1, publications: 1, vouchers: 1, memberships: 1 }),
    });
    expect(receipt.projects['main']?.residue?.before).toMatchObject({ redemptions: 3, vouchers: 'no-total' });
  });

  test('receipt that another worker has claimed: nothing is deleted', async () => {
    const { result, sent } = await erasing({ looks: { 'crm-1': customer(ada, 'crm-1') }, isOvertaken: true });
    expect(result).toMatchObject({ kind: 'retry', code: 'superseded' });
    expect(sent).toEqual(['GET crm-1']);
  });

  test('quota of one call: a customer just found is deleted, one found before needs review, and none left is the end', async () => {
    const looks = { 'crm-1': customer(ada, 'crm-1'), [ada]: customer(ada, 'crm-1') };
    expect((await erasing({ looks, atOnce: 1 })).result).toMatchObject({ kind: 'erased' });
    const personalData = { pins: { main: [pinOf(ada)] } };
    const before = { looks, personalData, atOnce: 1 };
    expect((await erasing({ ...before, progress: { pins: 1 } })).result).toMatchObject({ code: 'quota-too-small' });
    const proved = { pins: 1, deletions: [{ project: 'main', pin: 0, proof: 'gone', at: start }] } as const;
    expect((await erasing({ ...before, progress: proved })).result).toMatchObject({ kind: 'erased' });
  });

  test('deletion that fails: the next attempt continues with it', async () => {
    const looks = { 'crm-1': customer(ada, 'crm-1') };
    const { result, alarms } = await erasing({ looks, deletions: { [ada]: later } });
    expect(result).toMatchObject({ code: 'rate-limited', resumable: true });
    expect(alarms).toEqual([]);
  });

  test('pin without a customer, from a version that stored no outcome: is not identifiable', async () => {
    const { appIdHmac } = await erasing({});
    const { result } = await erasing({
      progress: { pins: 1 },
      personalData: { pins: { main: [{ customerId: ada, seen: false, appIdHmac }] } },
      deletions: { [ada]: { kind: 'not-found' } },
    });
    expect(result).toEqual({ kind: 'not-identifiable', deletions: [], knownPins: 1 });
  });
});
