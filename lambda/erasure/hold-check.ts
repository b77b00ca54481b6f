import { readActiveHolds } from '../control/legal-holds.ts';
import type { Pseudonymizer } from '../receipts/hmac.ts';
import { legalHold } from '../receipts/receipt.ts';
import type { Services } from '../services.ts';
import { type CallFailure, needsReview, retryLater } from '../voucherify/responses.ts';

/** A customer as far as a legal hold can find it: its id, and the HMACs of its source_id and e-mail address. */
interface HoldableCustomer {
  readonly customerId: string;
  readonly subjectHmacs?: readonly string[];
}

/** Returns why these customers must not be deleted now; `undefined` if no legal hold is in effect. Never throws. */
export type CheckHolds = (customers: readonly HoldableCustomer[]) => Promise<CallFailure | undefined>;

/**
 * Creates the check of one attempt. It reads the holds of the request's identifiers (`requested`, the HMACs of the receipt) and
 * of the given customers at each call, unless there were no holds at all when the attempt began. If they cannot be
 * read, nothing is deleted.
 */
export function createHoldCheck(
  requested: readonly string[],
  { subject }: Pseudonymizer,
  { control, now }: Services,
  holdsExist: boolean,
): CheckHolds {
  if (!holdsExist) return async () => undefined;
  const idsOf = ({ customerId, subjectHmacs = [] }: HoldableCustomer) => [
    subject({ kind: 'customer_id', value: customerId }),
    ...subjectHmacs,
  ];
  return async customers => {
    try {
      const holds = await readActiveHolds([...requested, ...customers.flatMap(idsOf)], control, now());
      return holds.length === 0 ? undefined : needsReview(legalHold, { holds });
    } catch {
      return retryLater('holds-unreadable', { stop: true });
    }
  };
}
