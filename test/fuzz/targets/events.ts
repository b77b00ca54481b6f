import fc from 'fast-check';
import type { GatewayEvent } from '../../../lambda/aws/api-gateway.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import { eventOf, invoke } from '../../support/event.ts';
import { edited, edits, scalarsIn } from '../support/edits.ts';
import { proofs, senders } from '../support/messages.ts';
import { brokenRules } from '../support/rules.ts';
import type { Target } from '../support/target.ts';
import { customersNamed, inWorld } from '../support/world.ts';

const inputs = fc.record({
  platform: fc.constantFrom(...Object.keys(senders)),
  proof: fc.constantFrom(...proofs),
  /** Changes of the body, which the sender signs. */
  body: edits(),
  /** Text that replaces the body. */
  text: fc.option(fc.oneof(fc.json(), fc.string({ unit: 'binary', maxLength: 200 })), { freq: 9 }),
  /** Changes of the event that API Gateway makes of it. */
  event: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, edits()),
  times: fc.integer({ min: 1, max: 3 }),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** Events of API Gateway, from senders with and without proof, of every platform. */
export const events: Target<Input> = {
  what: 'API Gateway events of every platform, genuine and forged, with any field changed',
  inputs,
  check: ({ platform, proof, body, text, event: changes, times }) =>
    inWorld({}, async world => {
      const sender = senders[platform]!;
      const message: Readonly<Record<string, unknown>> = edited({ ...sender.message }, body);
      const sent = text ?? JSON.stringify(message);
      const event = edited<GatewayEvent>(eventOf(sender.sign(sent, proof)), changes);
      const meant = customersNamed(identifyingTexts(text === null ? message : parsed(text)), world.sandbox.customers());
      const handler = webhookHandler(() => world.services);
      const answers = [];
      for (let count = 0; count < times; count += 1) answers.push(await invoke(handler, event));
      const genuine = proof === 'genuine' ? (changes.length === 0 ? true : undefined) : false;
      const isOrder = text === null ? sender.isOrder(message) : undefined;
      return brokenRules(world, { genuine, meant, answers, isOrder });
    }),
};

/** The texts of a message without Ketch's form data, which is never used. */
function identifyingTexts(message: unknown): readonly string[] {
  const request = (message as { request?: { subject?: unknown } } | null)?.request;
  if (typeof request !== 'object' || request === null) return scalarsIn(message);
  return scalarsIn({ ...(message as object), request: { ...request, subject: undefined } });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
