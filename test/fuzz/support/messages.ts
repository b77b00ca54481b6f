import { order, signed } from '../../platforms/generic-messages.ts';
import { deletion, headerSecret, segmentWire } from '../../platforms/segment-messages.ts';
import { redaction, shopifyWire } from '../../platforms/shopify-messages.ts';
import type { Wire } from '../../support/event.ts';
import { deleteRequest, ketchWire } from '../../support/ketch.ts';
import { shopifySecret } from './world.ts';

/** What a sender proves: everything, or one of the ways to prove nothing. */
export const proofs = ['genuine', 'genuine', 'another secret', 'none', 'changed after signing'] as const;
type Proof = (typeof proofs)[number];

type Message = Readonly<Record<string, unknown>>;

interface Sender {
  /** A message that erases Ada. Texts that the platform's protocol never uses as an identifier name Ben. */
  readonly message: object;
  /** Whether a message orders an erasure. Others are only acknowledged and counted. */
  readonly isOrder: (message: Message) => boolean;
  readonly sign: (body: string, proof: Proof) => Wire;
}

const otherSecret = 'another-secret-of-the-fuzz-0001';

/** Every platform whose messages are attacked. */
export const senders: Readonly<Record<string, Sender>> = {
  ketch: {
    message: deleteRequest({ subject: { email: 'ben@example.com', firstName: 'Ben' } }),
    isOrder: ({ kind }) => kind === 'DeleteRequest',
    sign: (body, proof) => {
      if (proof === 'genuine') return ketchWire(body);
      return ketchWire(body, { Authorization: proof === 'none' ? [] : otherSecret });
    },
  },
  generic: {
    message: order,
    isOrder: ({ type }) => type === 'erasure',
    sign: (body, proof) => {
      const secret = proof === 'another secret' ? { secret: 'whsec_AAAAq9r8GKYqrTwjUPD8ILPZIo2LaLaS' } : {};
      const headers = proof === 'none' ? {} : signed(body, secret);
      return {
        path: '/webhooks/generic',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: sent(body, proof),
      };
    },
  },
  segment: {
    message: deletion,
    isOrder: ({ type }) => type === 'delete',
    sign: (body, proof) => {
      const header = proof === 'genuine' ? { 'x-webhook-secret': headerSecret } : {};
      const none = proof === 'none' ? { 'X-Signature': [] } : {};
      const wire = segmentWire(body, { ...header, ...none }, proof === 'another secret' ? otherSecret : undefined);
      return { ...wire, body: sent(body, proof) };
    },
  },
  shopify: {
    message: redaction,
    isOrder: ({ orders_to_redact: orders }) => Array.isArray(orders),
    sign: (body, proof) => {
      const none = proof === 'none' ? { 'X-Shopify-Hmac-SHA256': [] } : {};
      const wire = shopifyWire(body, none, proof === 'another secret' ? otherSecret : shopifySecret);
      return { ...wire, body: sent(body, proof) };
    },
  },
};

/** Segment signs the event and not its bytes, so that white space is no change. */
function sent(body: string, proof: Proof): string {
  return proof === 'changed after signing' ? body.replace(/\}?$/, ',"changed":1}') : body;
}
