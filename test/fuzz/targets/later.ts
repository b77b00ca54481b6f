import fc from 'fast-check';
import type { HttpResult } from '../../../lambda/io/http-client.ts';
import { createServices } from '../../../lambda/services.ts';
import { sweep } from '../../../lambda/sweep/sweep.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import { callbackUrl, genericWire, order } from '../../platforms/generic-messages.ts';
import { eventOf, invoke } from '../../support/event.ts';
import type { Harness } from '../../support/harness.ts';
import { deleteRequest, ketchWire, tenant } from '../../support/ketch.ts';
import { response } from '../../support/voucherify-responses.ts';
import { brokenRules } from '../support/rules.ts';
import type { Target } from '../support/target.ts';
import { customersNamed, inWorld } from '../support/world.ts';

const hour = 3_600_000;
const day = 24 * hour;

const inputs = fc.record({
  /** How wrong the clock of the first machine is, in milliseconds. */
  skew: fc.constantFrom(0, hour, day, 400 * day, -hour, -day),
  /** Requests that the first machine gets, and what Voucherify answers them. */
  requests: fc.integer({ min: 1, max: 3 }),
  status: fc.constantFrom(200, 401, 402, 429, 500, 503),
  /** Callbacks that each request orders. */
  callbacks: fc.constantFrom(0, 1, 10, 11, 200),
  /** What the callback's host answers. */
  calledBack: fc.constantFrom(200, 404, 410, 500, 503),
  /** What becomes of the platform's secret after the requests were accepted. */
  secret: fc.constantFrom(undefined, 'REPLACE_ME', '{}', ''),
  platform: fc.constantFrom('ketch', 'generic'),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** What follows a request: machines with wrong clocks, callbacks of any number and result, secrets that become unusable. */
export const later: Target<Input> = {
  what: 'machines with wrong clocks, any number of callbacks, secrets that become unusable after the request',
  inputs,
  check: async input => {
    const called = new Set<string>();
    const sendCallback = async ({ url }: { url: URL }) => {
      called.add(url.href);
      return response(input.calledBack, '');
    };
    return inWorld({ change: () => ({ sendCallback }), limits: { requestsPerHour: 500 } }, world =>
      checkIn(world, input, called),
    );
  },
};

async function checkIn(world: Harness, input: Input, called: ReadonlySet<string>): Promise<readonly string[]> {
  const meant = customersNamed(['crm-10042', 'ada@example.com', 'crm-10043'], world.sandbox.customers());
  const expected = customersNamed(['crm-10042'], world.sandbox.customers());
  world.intercept = (_, pass): HttpResult => (input.status === 200 ? pass() : response(input.status, {}));
  const answers = await sendFromWrongClock(world, input);
  world.intercept = undefined;
  const blocked = await stillBlocked(world, input);
  const name = `erasure/platform/${input.platform}`;
  const sound = world.secrets[name];
  if (input.secret !== undefined) world.secrets[name] = input.secret;
  const broken = await brokenRules(world, { genuine: undefined, meant, expected, answers });
  if (sound !== undefined) world.secrets[name] = sound;
  const most = 10 * (input.requests + 1);
  return [
    ...broken,
    ...blocked,
    ...(called.size > most ? [`${called.size} callbacks of ${input.requests} requests`] : []),
  ];
}

/** Sends requests to a machine whose clock is wrong; it has the same rows as the others. */
async function sendFromWrongClock(world: Harness, input: Input) {
  const now = () => world.clock.now + input.skew;
  const machine = createServices({ ...world.services, now });
  const handler = webhookHandler(() => machine);
  const answers = [];
  for (let count = 0; count < input.requests; count += 1)
    answers.push(await invoke(handler, eventOf(wireOf(input, count, now()))));
  return answers;
}

function wireOf({ platform, callbacks }: Input, count: number, at: number) {
  const id = `22880925-aac5-42f9-a653-${String(count).padStart(12, '0')}`;
  if (platform === 'generic') {
    const callback = callbacks === 0 ? {} : { callback_url: callbackUrl };
    return genericWire({ ...order, request_id: id, ...callback }, {}, { at });
  }
  const targets = Array.from({ length: callbacks }, (_, index) => ({
    url: `https://dsr.ketch.com/${count}-${index}`,
    headers: {},
  }));
  return ketchWire(deleteRequest({ callbacks: targets }, { metadata: { uid: id, tenant } }));
}

/** After three hours, machines with correct clocks erase another person: what one machine wrote stops no project. */
async function stillBlocked(world: Harness, { platform }: Input): Promise<readonly string[]> {
  world.clock.now += 3 * hour;
  const uid = '22880925-aac5-42f9-a653-ffffffffffff';
  const identities = [{ identitySpace: 'account_id', identityValue: 'crm-10043' }];
  const machine = createServices({ ...world.services });
  const wire = ketchWire(deleteRequest({ identities }, { metadata: { uid, tenant } }));
  await invoke(
    webhookHandler(() => machine),
    eventOf(wire),
  );
  for (let minute = 0; minute < 30; minute += 1) {
    if (world.deleted().includes('cust_CleoExample0000000000003')) return [];
    world.clock.now += 60_000;
    await sweep(machine, world.clock.now + 55_000);
  }
  return [`a request of ${platform} is not erased half an hour after everything works again`];
}
