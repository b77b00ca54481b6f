import type { Caller } from './caller.ts';
import { softDeleteCustomer } from './change-customers.ts';
import { createAnswer } from './create-customer.ts';
import type { StoredCustomer } from './customer.ts';
import { customerBody } from './customer-body.ts';
import { findCustomer } from './find-customers.ts';
import { listAnswer } from './list-customers.ts';
import { jsonAnswer, type SandboxAnswer } from './message.ts';
import { permanentDeletionAnswer } from './permanent-deletion.ts';
import { customerNotFound, unauthorized } from './refusals.ts';
import type { SandboxOperation } from './routes.ts';
import { grantToken } from './tokens.ts';
import { isoNow, requestId, type SandboxContext } from './world.ts';

/** One call of a known caller to a known endpoint. */
interface Call {
  readonly caller: Caller;
  /** The decoded id of the path; empty for the endpoints that have none. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** What each endpoint does. */
export const OPERATIONS: Readonly<Record<SandboxOperation, (world: SandboxContext, call: Call) => SandboxAnswer>> = {
  list: (world, { caller, query }) => listAnswer(world, caller.project, query),
  create: (world, { caller, body }) => createAnswer(world, caller.project, body),
  get: (world, call) => withCustomer(world, call, customer => jsonAnswer(200, customerBody(customer))),
  delete: (world, call) => withCustomer(world, call, customer => softDeleteAnswer(world, customer)),
  'permanent-deletion': (world, { caller, id }) => permanentDeletionAnswer(world, caller.project, id),
  token: (world, { caller, body }) => (caller.by === 'key' ? grantToken(world, caller.appId, body) : unauthorized()),
};

function withCustomer(
  world: SandboxContext,
  call: Call,
  work: (customer: StoredCustomer) => SandboxAnswer,
): SandboxAnswer {
  const customer = findCustomer(world.sql, call.caller.project, call.id);
  return customer === undefined ? customerNotFound(call.id, requestId(world)) : work(customer);
}

function softDeleteAnswer(world: SandboxContext, customer: StoredCustomer): SandboxAnswer {
  softDeleteCustomer(world.sql, customer.id, isoNow(world));
  return { status: 204, headers: {}, body: '' };
}
