import * as v from 'valibot';
import { upsertCustomer } from './change-customers.ts';
import { customerSchema } from './customer.ts';
import { customerBody } from './customer-body.ts';
import { findById } from './find-customers.ts';
import { jsonAnswer, jsonObjectOf, type SandboxAnswer } from './message.ts';
import { badRequest, customerNotFound } from './refusals.ts';
import { requestId, type SandboxContext } from './world.ts';

/**
 * Create Customer (Voucherify docs): an upsert by `source_id`; the clock, not the body, sets the times. An `id` refreshes
 * the person it belongs to, else 404; a body that is no customer object is a 400 `invalid_payload`.
 */
export function createAnswer(world: SandboxContext, project: string, body: string): SandboxAnswer {
  const given = v.safeParse(customerSchema, jsonObjectOf(body));
  if (!given.success) {
    return badRequest('invalid_payload', 'Invalid payload', 'the body is not a customer object');
  }
  const { created_at: _, ...customer } = given.output;
  if (customer.id !== undefined && !isLive(world, project, customer.id)) {
    return customerNotFound(customer.id, requestId(world));
  }
  return jsonAnswer(200, customerBody(upsertCustomer(world, project, customer)));
}

function isLive(world: SandboxContext, project: string, id: string): boolean {
  const found = findById(world.sql, id);
  return found?.project === project && found.deleted_at === null;
}
