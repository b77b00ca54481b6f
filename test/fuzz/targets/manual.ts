import fc from 'fast-check';
import { seededCustomers } from '../../../infra/local/sandbox/seeded-customers.ts';
import type { ManualEvent } from '../../../lambda/request/receive-manual.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import { type Answer, contextWith } from '../../support/event.ts';
import { edited, edits, scalarsIn } from '../support/edits.ts';
import { brokenRules } from '../support/rules.ts';
import type { Target } from '../support/target.ts';
import { customersNamed, inWorld } from '../support/world.ts';

const identifiers = seededCustomers.flatMap(({ id = '', source_id, email }) => [
  { kind: 'customer_id', value: id },
  ...(typeof source_id === 'string' ? [{ kind: 'source_id', value: source_id }] : []),
  ...(typeof email === 'string' ? [{ kind: 'email', value: email }] : []),
]);

const inputs = fc.record({
  action: fc.constantFrom('preview', 'erase', 'accept'),
  people: fc.array(fc.array(fc.constantFrom(...identifiers), { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  }),
  changes: edits(),
  times: fc.integer({ min: 1, max: 2 }),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** Events of an operator: IAM has authenticated the caller; the event may contain anything. */
export const manual: Target<Input> = {
  what: 'events of an operator who makes requests by hand, with any field changed',
  inputs,
  check: ({ action, people, changes, times }) =>
    inWorld({}, async world => {
      const requests = people.map((identifiers, at) => ({ reference: `${at}`.padStart(64, '0'), identifiers }));
      const asked = action === 'preview' ? {} : { by: 'zoe', reason: 'a letter' };
      const event = edited({ manual: { action, requests, ...asked } }, changes) as ManualEvent;
      const meant = customersNamed(scalarsIn(event), world.sandbox.customers());
      const answers: Answer[] = [];
      for (let count = 0; count < times; count += 1) {
        const reply: object = await webhookHandler(() => world.services)(event, contextWith(60_000));
        answers.push({ status: statusOf(reply), headers: {}, text: JSON.stringify(reply), json: reply });
      }
      const isPreview = action === 'preview' && changes.length === 0;
      const broken = await brokenRules(world, { genuine: undefined, meant, answers });
      return [...broken, ...(isPreview && world.deleted().length > 0 ? ['a preview deleted a customer'] : [])];
    }),
};

/** The status of an HTTP reply that means the same. Without the key `manual`, an event is one of API Gateway. */
function statusOf(reply: object): number {
  if ('statusCode' in reply) return Number(reply.statusCode);
  if (!('failure' in reply)) return 200;
  return JSON.stringify(reply.failure).includes('"internal"') ? 500 : 400;
}
