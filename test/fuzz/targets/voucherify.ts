import fc from 'fast-check';
import type { HttpCall, HttpResult } from '../../../lambda/io/http-client.ts';
import type { Harness } from '../../support/harness.ts';
import { deleteRequest, ketchWire, tenant, uid } from '../../support/ketch.ts';
import { done, html, notFound, response } from '../../support/voucherify-responses.ts';
import { brokenRules } from '../support/rules.ts';
import type { Target } from '../support/target.ts';
import { customersNamed, inWorld } from '../support/world.ts';

const endpoints = ['look-up', 'list', 'deletion'] as const;
type Endpoint = (typeof endpoints)[number];

/** Who is meant, as identities of Ketch. */
const people = {
  ada: [['account_id', 'crm-10042']],
  'ada twice': [
    ['account_id', 'crm-10042'],
    ['email', 'Ada@Example.com'],
  ],
  family: [['email', 'family@example.com']],
  'by id': [['customer', 'cust_CleoExample0000000000003']],
  'looks like an id': [['account_id', 'cust_LooksLikeAnId00000000002']],
  nobody: [
    ['account_id', 'crm-00000'],
    ['email', 'nobody@example.com'],
  ],
} as const;

const statuses = [
  ...[200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 418, 422],
  ...[423, 425, 429, 451, 500, 501, 502, 503, 504, 511, 599],
] as const;

/** A body by name, for the customer in the path and another one that the sandbox has. */
const bodies: Readonly<Record<string, (id: string, own: string) => unknown>> = {
  own: (_, own) => own,
  'own, cut off': (_, own) => own.slice(0, -1),
  'own, twice': (_, own) => `${own}${own}`,
  'own, with another id first': (_, own) => own.replace('{', `{"id":"${other}","related_object_id":"${other}",`),
  'own, with another id last': (_, own) => own.replace(/\}$/, `,"id":"${other}","related_object_id":"${other}"}`),
  'own, with a failure before it': (_, own) => own.replace('{', '{"status":"FAILED",'),
  'own, with another customer before it': (_, own) => own.replace('{', '{"customer":0,'),
  'own, with a byte order mark': (_, own) => `\u{feff}${own}`,
  proof: id => ({ ...done, related_object_id: id }),
  'proof, after a failure': id => `{"status":"FAILED",${JSON.stringify({ ...done, related_object_id: id }).slice(1)}`,
  'proof of another': () => ({ ...done, related_object_id: other }),
  'proof, in progress': id => ({ ...done, related_object_id: id, status: 'IN_PROGRESS' }),
  'proof, lower case': id => ({ ...done, related_object_id: id, status: 'done' }),
  'proof of no customer': id => ({ ...done, related_object_id: id, data_json: { customer: 0 } }),
  'proof of two customers': id => ({ ...done, related_object_id: id, data_json: { customer: 2 } }),
  'proof of a customer as text': id => ({ ...done, related_object_id: id, data_json: { customer: '1' } }),
  'another customer': () => ({ id: other, object: 'customer', source_id: 'crm-10045', created_at: longAgo }),
  'another letter case': id => ({ id: other, source_id: id.toUpperCase(), email: id, created_at: longAgo }),
  'a customer of tomorrow': id => ({ id, source_id: id, created_at: '2099-01-01T00:00:00.000Z' }),
  'a customer without a time': id => ({ id, source_id: id }),
  'a customer with a number': id => ({ id: 10_042, source_id: id, created_at: longAgo }),
  'an empty list': () => ({ object: 'list', data_ref: 'customers', customers: [], total: 0 }),
  'an empty list of five': () => ({ customers: [], total: 5, has_more: true }),
  'a list of another': () => ({ customers: [{ id: other, email: 'emil@example.com', created_at: longAgo }], total: 1 }),
  'a list of a billion': () => ({ customers: [], total: 1e9 }),
  'a list with a null': () => ({ customers: [null], total: 1 }),
  'a list with a wrong total': () => ({ customers: [], total: -1 }),
  'not found': () => notFound,
  'not found, of a voucher': () => ({ ...notFound, resource_type: 'voucher' }),
  html: () => html,
  empty: () => '',
  null: () => 'null',
  list: () => [],
  object: () => ({}),
  prototype: () => '{"__proto__":{"id":"x"},"customers":{"length":1}}',
  deep: () => '['.repeat(5000),
};

const headers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  none: {},
  'retry in five seconds': { 'retry-after': '5' },
  'retry in a century': { 'retry-after': '3153600000' },
  'retry before': { 'retry-after': '-1', 'x-rate-limit-retry': '1' },
  'retry, as text': { 'retry-after': 'soon', 'x-rate-limit-retry': 'NaN' },
  'nothing left': { 'x-rate-limit-limit': '100', 'x-rate-limit-remaining': '0' },
  'no limit': { 'x-rate-limit-limit': '0', 'x-rate-limit-remaining': '0' },
  'a cycle': { 'x-rate-limit-type': 'api_calls_cycle', 'x-rate-limit-remaining': '0', 'retry-after': '86400' },
};

const noAnswers = [
  ...['not-connected', 'name-not-resolved', 'tls-failed', 'timed-out', 'connection-lost', 'too-large'],
] as const;

const other = 'cust_EmilExample0000000000005';
const longAgo = '2025-01-01T00:00:00.000Z';

const answer = fc.record({
  at: fc.constantFrom(...endpoints),
  status: fc.oneof({ weight: 2, arbitrary: fc.constant(200) }, fc.constantFrom(...statuses)),
  body: fc.constantFrom(...Object.keys(bodies)),
  headers: fc.oneof({ weight: 4, arbitrary: fc.constant('none') }, fc.constantFrom(...Object.keys(headers))),
  /** Whether Voucherify executes the call before it answers. */
  effect: fc.boolean(),
  lost: fc.option(fc.constantFrom(...noAnswers), { freq: 8, nil: 'no' as const }),
});

const inputs = fc.record({
  who: fc.constantFrom(...(Object.keys(people) as (keyof typeof people)[])),
  calledBack: fc.boolean(),
  answers: fc.array(answer, { minLength: 1, maxLength: 8 }),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;
type Script = Input['answers'][number];

/** Every answer of Voucherify: status, body, headers, endpoint, and whether the call took effect. */
export const voucherify: Target<Input> = {
  what: 'answers of Voucherify by status, body, endpoint and effect',
  inputs,
  check: ({ who, calledBack, answers }) =>
    inWorld({}, async world => {
      const identities = people[who].map(([identitySpace, identityValue]) => ({ identitySpace, identityValue }));
      const meant = customersNamed(
        people[who].map(([, value]) => value),
        world.sandbox.customers(),
      );
      const script = scripted(world, answers);
      const callbacks = calledBack ? [{ url: 'https://dsr.ketch.com/callback', headers: {} }] : [];
      const body = deleteRequest({ identities, callbacks }, { metadata: { uid, tenant } });
      const reply = await world.send(ketchWire(body));
      const broken = await brokenRules(world, {
        genuine: true,
        meant,
        expected: meant,
        answers: [reply],
        lied: () => script.lied,
      });
      return [...broken, ...script.repeated];
    }),
};

/** Answers the first calls by the script. Records false proofs, and deletions that are repeated without a look-up. */
function scripted(world: Harness, answers: readonly Script[]): { lied: boolean; readonly repeated: string[] } {
  const left = [...answers];
  const script = { lied: false, repeated: [] as string[] };
  const deletedWithoutLook = new Set<string>();
  world.intercept = (call, pass) => {
    const id = idOf(call);
    const at = endpointOf(call);
    if (at === 'look-up') deletedWithoutLook.delete(id);
    if (at === 'deletion' && deletedWithoutLook.has(id)) script.repeated.push('a deletion was repeated unseen');
    if (at === 'deletion') deletedWithoutLook.add(id);
    const index = left.findIndex(next => next.at === at);
    const [next] = index === -1 ? [] : left.splice(index, 1);
    if (next === undefined) return pass();
    script.lied ||= isLie(next);
    return answered(next, id, pass);
  };
  return script;
}

const falseDenials = ['an empty list', 'a list of another', 'a customer of tomorrow'];

/** A genuine proof without the effect, or a denial of what exists, cannot be distinguished from the truth. */
function isLie({ at, status, body, effect, lost }: Script): boolean {
  if (lost !== 'no') return false;
  if (at === 'deletion' && status === 200) return body === 'proof' && !effect;
  return (status === 404 && body.startsWith('not found')) || (status === 200 && falseDenials.includes(body));
}

function answered(
  { status, body, headers: name, effect, lost }: Script,
  id: string,
  pass: () => HttpResult,
): HttpResult {
  const own = effect ? pass() : undefined;
  if (lost !== 'no') return { kind: 'no-response', code: lost, mayHaveExecuted: effect || lost === 'timed-out' };
  const text =
    own?.kind === 'response' ? own.body : JSON.stringify({ ...done, related_object_id: id, status: 'FAILED' });
  return response(status, bodies[body]?.(id, text) ?? '', headers[name] ?? {});
}

function endpointOf({ method, url }: HttpCall): Endpoint {
  if (method === 'POST') return 'deletion';
  return url.search === '' ? 'look-up' : 'list';
}

function idOf({ url }: HttpCall): string {
  return decodeURIComponent(/^\/v1\/customers\/([^/]+)/.exec(url.pathname)?.[1] ?? url.searchParams.get('email') ?? '');
}
