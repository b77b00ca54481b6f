import * as v from 'valibot';
import { receiptSchema, receivedSchema } from '../../../lambda/io/stored-receipt.ts';
import type { Evidence } from '../../../lambda/receipts/evidence.ts';

const { state, authentication } = receiptSchema.entries;

const deletion = v.looseObject({
  proof: v.picklist(['deleted', 'gone']),
  at: v.string(),
  voucherify: v.exactOptional(receivedSchema),
});

const evidence = v.looseObject({
  iss: v.string(),
  v: v.literal(1),
  iat: v.number(),
  receipt: v.string(),
  platform: v.string(),
  reference: v.exactOptional(v.string()),
  authentication,
  request: v.looseObject({
    what: v.literal('permanent erasure'),
    payloadHmac: v.string(),
    subjectHmacs: v.array(v.string()),
    submittedAt: v.exactOptional(v.string()),
    receivedAt: v.string(),
    dueAt: v.exactOptional(v.string()),
  }),
  firstReply: v.looseObject({ as: v.picklist(['outcome', 'in-progress', 'accepted']), at: v.string() }),
  outcome: state,
  closedAt: v.exactOptional(v.string()),
  reason: v.exactOptional(v.string()),
  projects: v.record(
    v.string(),
    v.looseObject({
      outcome: v.picklist(['open', 'erased', 'no-match', 'not-identifiable']),
      customers: v.number(),
      unproven: v.boolean(),
      deletions: v.array(deletion),
    }),
  ),
  callbacks: v.exactOptional(
    v.looseObject({ taken: v.number(), refused: v.number(), tries: v.number(), at: v.exactOptional(v.string()) }),
  ),
  decisions: v.array(
    v.looseObject({
      at: v.string(),
      actor: v.string(),
      action: v.picklist(['retry', 'refuse', 'new-request']),
      reason: v.string(),
      reviewReason: v.exactOptional(v.string()),
      maxCustomers: v.exactOptional(v.number()),
    }),
  ),
});

/** Evidence as it was signed, with the time of signing in epoch seconds; `undefined` for what this code does not know. */
export function evidenceFrom(payload: unknown): (Evidence & { readonly iat: number }) | undefined {
  const parsed = v.safeParse(evidence, payload);
  return parsed.success ? parsed.output : undefined;
}
