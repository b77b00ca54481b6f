import { removeCustomer } from './change-customers.ts';
import type { StoredCustomer } from './customer.ts';
import { findErasable } from './find-customers.ts';
import { logDeletion } from './logs.ts';
import { jsonAnswer, type SandboxAnswer } from './message.ts';
import { customerNotFound } from './refusals.ts';
import { isoNow, requestId, type SandboxContext } from './world.ts';

/**
 * Delete Customer Permanently (Voucherify docs), by `id` or `source_id`, in one step and for good; people soft-deleted
 * before are found by `id` only. 404 when nobody is found, so also the second time.
 */
export function permanentDeletionAnswer(world: SandboxContext, project: string, idOrSourceId: string): SandboxAnswer {
  const customer = findErasable(world.sql, project, idOrSourceId);
  if (customer === undefined) {
    return customerNotFound(idOrSourceId, requestId(world));
  }
  const deletionId = `del_${world.random()}`;
  removeCustomer(world.sql, customer.id);
  logDeletion(world.sql, {
    project,
    customerId: customer.id,
    sourceId: customer.source_id,
    deletionId,
    at: world.now(),
  });
  return jsonAnswer(200, deletionBody(customer, deletionId, isoNow(world)));
}

/** `object` is misspelt on purpose: the real API does so. */
function deletionBody(customer: StoredCustomer, id: string, at: string): Record<string, unknown> {
  const { orders = 0 } = customer.profile;
  return {
    id,
    created_at: at,
    related_object_id: customer.id,
    related_object: 'customer',
    status: 'DONE',
    data_json: {
      events: orders + 1,
      customer_events: orders * 2 + 1,
      daily_events: 0,
      segments: 0,
      orders,
      order_events: orders,
      customer: 1,
    },
    object: 'pernament_deletion',
  };
}
