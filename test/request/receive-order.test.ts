import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import type { ParsedRequest, Platform } from '../../lambda/platforms/platform.ts';
import { receive } from '../../lambda/request/receive.ts';
import type { Services } from '../../lambda/services.ts';
import { fixtureTime, houseFor } from '../support/house.ts';
import { inertPorts } from '../support/inert.ts';
import { noting, request } from '../support/noting-platform.ts';

/** Parts whose ports must not be touched, but those that `use` names. */
async function partsFor(platform: Platform, use: (services: Services) => Partial<Services> = () => ({})) {
  const house = await houseFor({ platforms: {}, secrets: {} });
  const { ports, calls } = inertPorts();
  const services: Services = {
    ...house.services,
    ...ports,
    platforms: new Map([['steps', platform]]),
    ...use(house.services),
  };
  return { services, calls };
}

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );

describe('before authentication', () => {
  test('refused caller: nothing is read, looked up, written or sent', async () => {
    const steps: string[] = [];
    const refusal = new Failure('forbidden', 'no');
    const platform = noting(steps, { verify: () => Promise.reject(refusal) });
    const { services, calls } = await partsFor(platform);
    expect(await thrownBy(receive(request, services))).toBe(refusal);
    expect(refusal.verified).toBe(false);
    expect(steps).toEqual([]);
    expect(calls()).toEqual([]);
  });

  test('secret: only the platform’s own is read', async () => {
    const asked: string[] = [];
    const platform = noting([], {
      verify: async (_, means) => {
        expect(await means.secret()).toBe('the text');
        expect(means.now()).toBe(fixtureTime);
        expect(Object.keys(means).toSorted()).toEqual(['now', 'secret', 'send']);
        throw new Failure('unauthorized', 'no');
      },
    });
    const readSecret = async (name: string) => {
      asked.push(name);
      return 'the text';
    };
    const { services, calls } = await partsFor(platform, () => ({ readSecret }));
    await thrownBy(receive(request, services));
    expect(asked).toEqual(['erasure/platform/steps']);
    expect(calls()).toEqual([]);
  });

  test.each([
    ['another path', { path: '/webhooks/other' }, 'not-found'],
    ['another method', { method: 'GET' }, 'method-not-allowed'],
  ])('%s: is refused before its credentials are checked', async (_, change, code) => {
    const steps: string[] = [];
    const { services, calls } = await partsFor(noting(steps));
    expect(await thrownBy(receive({ ...request, ...change }, services))).toMatchObject({ code, verified: false });
    expect(steps).toEqual([]);
    expect(calls()).toEqual([]);
  });
});

describe('after authentication', () => {
  test('unreadable body: touches nothing', async () => {
    const steps: string[] = [];
    const platform = noting(steps, {
      parse: () => {
        throw new Failure('invalid', 'why', { headers: { 'X-Why': 'so' } });
      },
    });
    const { services, calls } = await partsFor(platform);
    expect(await thrownBy(receive(request, services))).toMatchObject({
      code: 'invalid',
      message: 'why',
      verified: true,
      headers: { 'X-Why': 'so' },
    });
    expect(steps).toEqual(['verify']);
    expect(calls()).toEqual([]);
  });

  test.each<[string, ParsedRequest]>([
    ['a message that asks for nothing', { ignore: 'not-ours' }],
    ['a trial', { test: true }],
    ['an empty list', { erase: [] }],
  ])('%s: gets a reply and touches nothing', async (_, reading) => {
    const steps: string[] = [];
    const { services, calls } = await partsFor(noting(steps, { parse: () => reading }));
    expect(await receive(request, services)).toMatchObject({ status: 200, body: '[]' });
    expect(steps).toEqual(['verify', 'answer']);
    expect(calls()).toEqual([]);
  });

  test('failed store: no reply says accepted, and nothing is looked up', async () => {
    const steps: string[] = [];
    const refusal = new Failure('unavailable', 'down', { alarm: 'store-unavailable' });
    const { services, calls } = await partsFor(noting(steps), ({ store, pseudonymizer }) => ({
      pseudonymizer,
      store: { ...store, accept: () => Promise.reject(refusal) },
    }));
    expect(await thrownBy(receive(request, services))).toMatchObject({
      code: 'unavailable',
      alarm: 'store-unavailable',
      verified: true,
      headers: { 'Retry-After': '60' },
    });
    expect(steps).toEqual(['verify', 'read']);
    // Pauses and pace are read beside the acceptance; they say nothing of anybody.
    expect(calls()).toEqual(['control.read']);
  });

  test.each(['', 'x'.repeat(42)])('unusable pepper %j: nothing is stored', async pepper => {
    const steps: string[] = [];
    const { ports, calls } = inertPorts();
    const house = await houseFor({
      platforms: {},
      secrets: { 'erasure/pepper': pepper },
      change: () => ({ store: ports.store, control: ports.control, send: ports.send }),
    });
    const services = { ...house.services, platforms: new Map([['steps', noting(steps)]]) };
    expect(await thrownBy(receive(request, services))).toMatchObject({ code: 'unavailable', alarm: 'pepper-unusable' });
    expect(steps).toEqual(['verify', 'read']);
    expect(calls()).toEqual([]);
  });

  test('erasure: is stored, then looked up, then answered', async () => {
    const steps: string[] = [];
    const noted = <T>(step: string, result: T) => {
      steps.push(step);
      return result;
    };
    const house = await houseFor({
      platforms: {},
      secrets: {},
      change: ({ store, send }) => ({
        send: call => noted(call.method, send(call)),
        store: {
          ...store,
          accept: (receipt, kept) => noted('accept', store.accept(receipt, kept)),
          replace: (next, also) =>
            noted(also?.pins === undefined ? `write ${next.state}` : 'pin', store.replace(next, also)),
        },
      }),
    });
    const services = { ...house.services, platforms: new Map([['steps', noting(steps)]]) };
    expect(await receive(request, services)).toMatchObject({ status: 200, body: '["erased"]' });
    expect(steps).toEqual(['verify', 'read', 'accept', 'GET', 'pin', 'POST', 'write erased', 'answer']);
    expect(house.sandbox.deletions()).toHaveLength(1);
  });
});
