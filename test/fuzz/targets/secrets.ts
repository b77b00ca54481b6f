import fc from 'fast-check';
import { ketchWire } from '../../support/ketch.ts';
import { weakValues } from '../../support/unusable-secrets.ts';
import { brokenRules } from '../support/rules.ts';
import type { Target } from '../support/target.ts';
import { customersNamed, inWorld } from '../support/world.ts';

const good = 'Bearer a-good-secret-of-the-fuzz-1';
const values = [good, ...weakValues.map(({ value }) => value), 'Bearer another-good-secret-of-1'];
const names = ['erasure/platform/ketch', 'erasure/voucherify/main', 'erasure/pepper'] as const;

const object = fc.dictionary(
  fc.constantFrom('current', 'previous', 'Current', 'appId', 'appToken', '__proto__', 'extra'),
  fc.oneof(fc.constantFrom(...values), fc.jsonValue({ maxDepth: 1 })),
);

/** Texts of a secret: objects, objects with a duplicate key or cut off, and anything else. */
const text = fc.oneof(
  { weight: 4, arbitrary: object.map(value => JSON.stringify(value)) },
  object.map(value => JSON.stringify(value).replace('{', `{"current":"${good}",`)),
  object.map(value => JSON.stringify(value).slice(0, -1)),
  fc.constantFrom('', ' ', 'null', '[]', 'REPLACE_ME', '\u{feff}{}', 'x'.repeat(43), 'x'.repeat(42), `"${good}"`),
  fc.string({ unit: 'binary', maxLength: 60 }),
);

const inputs = fc.record({
  name: fc.constantFrom(...names),
  text,
  /** What the caller sends in the header that Ketch's secret is compared with. */
  given: fc.oneof(
    { weight: 3, arbitrary: fc.constant(good) },
    fc.constantFrom('', 'undefined', 'null', '[object Object]', 'REPLACE_ME', 'true', 'x'.repeat(23), 'Bearer'),
    fc.string({ maxLength: 40 }),
  ),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** The texts of a platform's secret, of Voucherify's key and of the pepper. */
export const secrets: Target<Input> = {
  what: 'secrets of any text: no caller is accepted, and every 503 raises an alarm',
  inputs,
  check: ({ name, text: secret, given }) => {
    const others = { 'erasure/platform/ketch': JSON.stringify({ current: good }), [name]: secret };
    return inWorld({ secrets: others }, async world => {
      const meant = customersNamed(['crm-10042'], world.sandbox.customers());
      const reply = await world.send(ketchWire(undefined, { Authorization: given }));
      const mayEnter = name === 'erasure/platform/ketch' ? isProof(given, secret) : given === good;
      const silent = reply.status >= 500 && world.alarms().length === 0;
      // What is wrong is put right, so that what was accepted can end.
      world.secrets['erasure/voucherify/main'] = JSON.stringify({ appId: 'app-main', appToken: 'token-main' });
      if (name === 'erasure/pepper' && reply.status >= 400) world.secrets[name] = 'x'.repeat(43);
      const broken = await brokenRules(world, {
        genuine: mayEnter ? undefined : false,
        meant,
        expected: meant,
        answers: [reply],
      });
      return [...broken, ...(silent ? [`a ${reply.status} without an alarm`] : [])];
    });
  },
};

/** Whether this text of the secret lets the caller in, read by other rules than the program's: only JSON's own. */
function isProof(given: string, secret: string): boolean {
  try {
    const { current, previous } = JSON.parse(secret) as Record<string, unknown>;
    return given.length >= 24 && !given.startsWith('REPLACE_ME') && (given === current || given === previous);
  } catch {
    return false;
  }
}
