import * as v from 'valibot';
import { customerSchema } from './customer.ts';
import { jsonAnswer, jsonObjectOf, type SandboxAnswer, type SandboxRequest } from './responses.ts';
import type { Sandbox } from './sandbox.ts';

type Act = (sandbox: Sandbox, body: unknown) => SandboxAnswer;

const ROUTES: Readonly<Record<string, Act>> = {
  'POST /sandbox/outage': setOutage,
  'GET /sandbox/deletions': ({ deletions }) => jsonAnswer(200, deletions().map(dated)),
  'GET /sandbox/customers': ({ customers }) => jsonAnswer(200, customers()),
  'POST /sandbox/customers': registerCustomer,
};

/**
 * The routes for the person who plays with the sandbox, apart from Voucherify's own: no key, no quota, not logged, and
 * open during an outage. Undefined where the target is not under `/sandbox`; 400 for a body that cannot be used.
 */
export function operatorAnswer(sandbox: Sandbox, request: SandboxRequest): SandboxAnswer | undefined {
  if (!/^\/sandbox(?:$|[/?])/.test(request.target)) {
    return undefined;
  }
  const route = `${request.method} ${request.target}`;
  const act = Object.hasOwn(ROUTES, route) ? ROUTES[route] : undefined;
  return act === undefined
    ? jsonAnswer(404, { message: 'no such route', routes: Object.keys(ROUTES) })
    : act(sandbox, jsonObjectOf(request.body));
}

const outageSchema = v.object({ mode: v.nullable(v.picklist(['error', 'down', 'hang'])) });

function setOutage(sandbox: Sandbox, body: unknown): SandboxAnswer {
  const wanted = v.safeParse(outageSchema, body);
  if (!wanted.success) {
    return jsonAnswer(400, { message: 'the body must be {"mode": "error" | "down" | "hang" | null}' });
  }
  sandbox.outage(wanted.output.mode ?? undefined);
  return jsonAnswer(200, wanted.output);
}

const registerSchema = v.object({ project: v.exactOptional(v.string()), ...customerSchema.entries });

function registerCustomer(sandbox: Sandbox, body: unknown): SandboxAnswer {
  const wanted = v.safeParse(registerSchema, body);
  if (!wanted.success) {
    return jsonAnswer(400, { message: 'the body must be a customer object, with a "project" if not the first' });
  }
  const { project = sandbox.projects()[0] ?? '', ...customer } = wanted.output;
  try {
    return jsonAnswer(200, { id: sandbox.register(customer, project), project });
  } catch (error) {
    return jsonAnswer(400, { message: String(error) });
  }
}

function dated<Entry extends { readonly at: number }>(entry: Entry): Omit<Entry, 'at'> & { readonly at: string } {
  return { ...entry, at: new Date(entry.at).toISOString() };
}
