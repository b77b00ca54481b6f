import {
  openSandbox,
  type Sandbox,
  type SandboxCustomer,
  type SandboxRequest,
} from '../../../infra/local/sandbox/sandbox.ts';
import type { HttpCall } from '../../../lambda/io/http-client.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import { sandboxResult } from '../../support/harness.ts';
import type { Environment, Served } from './environment.ts';
import type { Random } from './random.ts';
import { newTroubles, type Troubles } from './troubles.ts';
import type { Truth } from './truth.ts';

/** One call that left a machine, and the status of its response if it arrived. */
export interface Sent {
  readonly project: string;
  readonly at: number;
  status: number;
}

export interface Voucherify {
  readonly port: Environment['voucherify'];
  readonly sandbox: Sandbox;
  readonly sent: readonly Sent[];
  /** Registers a customer with an old creation time. */
  register(customer: SandboxCustomer, project: string): string;
  /** The shop itself deletes a customer, softly or permanently; returns false if it is already gone. */
  removeByOthers(id: string, project: string, how: 'soft' | 'permanent'): boolean;
  /** Starts or ends an outage of all connections to one project. */
  down(project: string, isDown: boolean): void;
  /** What it does with single customers and identifiers. */
  readonly troubles: Troubles;
  /** Registers a listener for every permanent deletion by the program. */
  onDeleted(listener: (customerId: string) => void): void;
}

interface VoucherifyOptions {
  readonly projects: readonly string[];
  readonly now: () => number;
  readonly random: Random;
  readonly truth: Truth;
  readonly callsPerMinute: number;
  readonly periodSeconds?: number;
  /** How long customers are returned after their deletion, in milliseconds. */
  readonly shownMs?: number;
  /** Whether some lists have pages that are shorter than requested. */
  readonly shortPages?: boolean;
}

const longAgo = '2025-01-01T00:00:00.000Z';

/** Opens the sandbox in process, and records every call and deletion. */
export function openVoucherify(options: VoucherifyOptions): Voucherify {
  const { projects, now, random, truth, callsPerMinute, periodSeconds = 60, shortPages = false } = options;
  const { shownMs = 0 } = options;
  const keys = projects.flatMap(project => [keyOf(project), { ...keyOf(project), appId: `shop-${project}` }]);
  const limit = { calls: callsPerMinute, periodSeconds };
  const sandbox = openSandbox({ now, keys, limit, random: random.letters, shownMs });
  const sent: Sent[] = [];
  const last = new WeakMap<HttpCall, Sent>();
  const listeners: ((customerId: string) => void)[] = [];
  const dead = new Set<string>();
  const troubles = newTroubles();
  const watchLookUp = watchLookUps(truth);
  const paged = shortPages ? inShortPages(random) : (call: HttpCall) => call;
  const arrives = (call: HttpCall): Served => {
    const isDead = dead.has(projectOf(call));
    const served = isDead ? 'cut' : troubles.respond(call, () => respond(sandbox, paged(call)));
    const record = last.get(call);
    if (record !== undefined && typeof served === 'object') record.status = served.status;
    watchLookUp(call, served);
    const deleted = deletedBy(call, served);
    if (deleted !== undefined) {
      for (const { uid } of truth.requestsFor(deleted)) truth.note(uid, `${deleted} is deleted`);
      truth.removed(deleted, 'program');
      for (const listener of listeners) listener(deleted);
    }
    return served;
  };
  const port: Environment['voucherify'] = {
    sent: call => {
      if (last.has(call) && isDeletion(call)) truth.violated('a deletion was sent again within one request');
      const record = { project: projectOf(call), at: now(), status: 0 };
      sent.push(record);
      last.set(call, record);
    },
    arrives,
    // No call can disprove a false 404 for a customer that no look-up finds.
    canDeny: call => isDeletion(call) && !truth.wasNotFound(customerIdOf(call) ?? ''),
  };
  const removeByOthers: Voucherify['removeByOthers'] = (id, project, how) => {
    if (!truth.canBeFound(id)) return false;
    if (!isDone(sandbox, shopDeletion(how, project, id))) return false;
    if (how === 'soft') truth.softDeleted(id);
    else truth.removed(id, 'others');
    return true;
  };
  const register = (customer: SandboxCustomer, project: string) =>
    sandbox.register({ created_at: longAgo, ...customer }, project);
  return {
    port,
    sandbox,
    sent,
    register,
    removeByOthers,
    troubles,
    down: (project, isDown) => void (isDown ? dead.add(project) : dead.delete(project)),
    onDeleted: listener => listeners.push(listener),
  };
}

/** Returns the project of a call: each project has its own host here. */
function projectOf({ url }: HttpCall): string {
  return url.hostname.split('.')[0] ?? '';
}

export function keyOf(project: string) {
  return { project, appId: `app-${project}`, appToken: `token-of-${project}` };
}

/** Returns the shop's own call; `DELETE` is the soft deletion. */
function shopDeletion(how: 'soft' | 'permanent', project: string, id: string): SandboxRequest {
  const headers = { 'x-app-id': `shop-${project}`, 'x-app-token': keyOf(project).appToken };
  const target = `/v1/customers/${id}`;
  return how === 'soft'
    ? { method: 'DELETE', target, headers, body: '' }
    : { method: 'POST', target: `${target}/permanent-deletion`, headers, body: '' };
}

/** Returns whether the shop's own call succeeded; in an outage it fails too. */
function isDone(sandbox: Sandbox, request: SandboxRequest): boolean {
  try {
    return sandbox.respond(request).status < 300;
  } catch {
    return false;
  }
}

function respond(sandbox: Sandbox, call: HttpCall): Served {
  const result = sandboxResult(sandbox, call);
  if (result.kind === 'response') return result;
  return result.code === 'timed-out' ? 'silent' : 'cut';
}

/** Limits the lists of some addresses to pages of one or two rows. */
function inShortPages(random: Random): (call: HttpCall) => HttpCall {
  const limits = new Map<string, number>();
  return call => {
    const email = call.url.searchParams.get('email');
    if (email === null) return call;
    const limit = limits.get(email) ?? random.pick([100, 100, 1, 2]);
    limits.set(email, limit);
    const url = new URL(call.url);
    url.searchParams.set('limit', String(limit));
    return { ...call, url };
  };
}

function customerIdOf({ url }: HttpCall): string | undefined {
  return /^\/v1\/customers\/([^/]+)/.exec(url.pathname)?.[1];
}

function isDeletion({ method, url }: HttpCall): boolean {
  return method === 'POST' && url.pathname.endsWith('/permanent-deletion');
}

/** Checks that each deletion after a request's first one follows its own look-up; calls with a rejected key do not count. */
function watchLookUps(truth: Truth): (call: HttpCall, served: Served) => void {
  const looks = new Map<string, number>();
  return (call, served) => {
    const id = customerIdOf(call);
    const status = typeof served === 'object' ? served.status : 0;
    if (id === undefined || status === 401) return;
    if (call.method === 'GET' && status === 404) truth.notFound(id);
    const left = (looks.get(id) ?? Math.max(1, truth.requestsFor(id).length)) + (isDeletion(call) ? -1 : 1);
    looks.set(id, left);
    if (left < 0) truth.violated('deleted again without a look-up', truth.requestsFor(id)[0]?.uid);
  };
}

/** Returns the deleted customer according to the sandbox; the path may contain another identifier. */
function deletedBy(call: HttpCall, served: Served): string | undefined {
  if (!isDeletion(call)) return undefined;
  if (typeof served !== 'object' || served.status !== 200) return undefined;
  const body = jsonOrUndefined(served.body);
  return typeof body === 'object' && body !== null && 'related_object_id' in body
    ? String(body.related_object_id)
    : undefined;
}
