import * as v from 'valibot';
import type { ErasureRequest, Outcome } from '../domain/erasure.ts';
import { Failure, type FailureCode, failureOf } from '../domain/failure.ts';
import { countLookUpCalls, isUsable } from '../domain/identifiers.ts';
import { manualPlatform } from '../domain/names.ts';
import { previewInProject } from '../erasure/preview.ts';
import { failureFields } from '../io/log.ts';
import { manual } from '../platforms/index.ts';
import type { Services } from '../services.ts';
import type { Project } from '../voucherify/client.ts';
import { processErasures } from './receive.ts';

/** Most requests in one event: they are stored at once. */
export const maxManualRequests = 25;

const identifier = v.pipe(
  v.strictObject({ kind: v.picklist(['customer_id', 'source_id', 'email']), value: v.string() }),
  v.check(one => isUsable(one)),
);
const request = v.strictObject({
  /** Chosen by the caller. The same one with the same identifiers is always the same request. */
  reference: v.pipe(v.string(), v.regex(/^[0-9a-f-]{36,64}$/)),
  identifiers: v.pipe(v.array(identifier), v.minLength(1), v.maxLength(3)),
});
const requests = v.pipe(v.array(request), v.minLength(1), v.maxLength(maxManualRequests));

/** Texts that become part of the evidence: one line of at most 500 characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are rejected here
const line = v.pipe(v.string(), v.maxLength(500), v.regex(/^[^\u0000-\u001f\u007f]*\S[^\u0000-\u001f\u007f]*$/));

/** Who asks may have an address in the name of the session. The address of the person to erase must not be in the reason. */
const reason = v.pipe(
  line,
  v.check(text => !/\S@\S+\.\S/.test(text)),
);

const schema = v.strictObject({
  manual: v.variant('action', [
    /** Looks up only. */
    v.strictObject({ action: v.literal('preview'), requests }),
    /** `erase` replies with the result; `accept` leaves the attempt to the sweep. */
    v.strictObject({ action: v.picklist(['erase', 'accept']), requests, by: line, reason }),
  ]),
});

/**
 * The event of an operator who makes requests by hand. It comes from an invocation that IAM allows (`lambda:InvokeFunction`)
 * and never through API Gateway, whose events have other keys. `by` is what the caller states: Lambda does not say
 * who invoked a function.
 */
export type ManualEvent = v.InferOutput<typeof schema>;

export type ManualRequest = v.InferOutput<typeof request>;

/** The customers of a project that a request would delete, or why that is not known. */
export type ProjectPreview =
  | { readonly kind: 'found'; readonly customers: number }
  | { readonly kind: 'no-match' | 'created-later' }
  /** `not-identifiable`, or the reason for which an operator would have to review the request. */
  | { readonly kind: 'unclear'; readonly code: string }
  /** Not looked up: the quota, the time or Voucherify did not allow it. */
  | { readonly kind: 'later'; readonly code: string };

export interface RequestPreview {
  readonly reference: string;
  /** By project. */
  readonly projects: Readonly<Record<string, ProjectPreview>>;
}

interface ManualResult {
  readonly reference: string;
  readonly receipt: string;
  readonly outcome: Outcome['kind'];
}

export type ManualReply =
  | { readonly previews: readonly RequestPreview[] }
  | { readonly results: readonly ManualResult[] }
  /** The message names a field or a rule, and contains no value of the event. */
  | { readonly failure: { readonly code: FailureCode; readonly message: string } };

/** Reads an event. Throws `invalid`, which names the first wrong field, but not its value or an unknown key. */
export function parseManualEvent(event: unknown): ManualEvent['manual'] {
  const parsed = v.safeParse(schema, event);
  if (parsed.success) return parsed.output.manual;
  const [{ path = [], expected }] = parsed.issues;
  const known = path.slice(0, expected === 'never' ? -1 : undefined).map(({ key }) => String(key));
  throw new Failure('invalid', `${known.join('.') || 'event'}: is missing or not valid`);
}

/** Returns a request by hand in the terms of this service. */
export function manualErasure({ reference, identifiers }: ManualRequest): ErasureRequest {
  const identities = identifiers.map(({ kind, value }) => ({ space: kind, format: 'raw', value }));
  return { reference, scope: '', identities, identifiers, callbacks: [] };
}

/**
 * Handles an event of an operator. IAM has authenticated the caller, so its requests are accepted like those of a platform:
 * with a receipt, guards, limits, pauses and evidence. The receipt names who asked and why, as an operator's decision.
 * Never throws.
 */
export async function receiveManual(event: ManualEvent, services: Services): Promise<ManualReply> {
  const startedAt = services.now();
  try {
    const asked = parseManualEvent(event);
    return asked.action === 'preview'
      ? { previews: await previewAll(asked, startedAt, services) }
      : { results: await eraseAll(asked, startedAt, services) };
  } catch (thrown) {
    const failure = failureOf(thrown);
    const { code, message, status } = failure;
    services.log({ event: 'rejected', platform: manualPlatform, ...failureFields(failure), status });
    return { failure: { code, message } };
  }
}

type AskedPreview = Extract<ManualEvent['manual'], { action: 'preview' }>;
type AskedErasure = Exclude<ManualEvent['manual'], AskedPreview>;

async function eraseAll({ action, requests, by, reason }: AskedErasure, startedAt: number, services: Services) {
  const caller = {
    platformName: manualPlatform,
    platform: { ...manual, responseMode: action === 'erase' ? ('result' as const) : manual.responseMode },
    authentication: { scheme: 'iam', secret: 'current' as const },
    receivedAt: startedAt,
    startedAt,
    decision: { at: startedAt, actor: by, action: 'erase' as const, reason },
  };
  const results = await processErasures(requests.map(manualErasure), caller, services);
  return results.map(({ reference, receiptId, outcome }) => ({ reference, receipt: receiptId, outcome: outcome.kind }));
}

/** One after the other: each waits for its share of the quota. */
async function previewAll({ requests }: AskedPreview, startedAt: number, services: Services) {
  const until = startedAt + services.settings.limits.answerBudgetMs;
  const previews = [];
  for (const request of requests) previews.push(await previewRequest(request, until, services));
  return previews;
}

/**
 * Looks up which customers a request would delete, in every project and within the quota. Stores, logs and deletes nothing.
 * `until` is the end of the last call in epoch milliseconds.
 */
async function previewRequest(request: ManualRequest, until: number, services: Services): Promise<RequestPreview> {
  const projects: Record<string, ProjectPreview> = {};
  for (const [name, project] of services.projects) {
    projects[name] = await previewProject(project, request, until, services);
  }
  return { reference: request.reference, projects };
}

async function previewProject(
  project: Project,
  request: ManualRequest,
  until: number,
  services: Services,
): Promise<ProjectPreview> {
  const { identifiers } = manualErasure(request);
  const calls = countLookUpCalls(identifiers);
  // Not fresh: the burst is for platforms, which wait for a reply.
  const client = project.client({ id: 'preview', projects: {}, lookUpCalls: calls }, false);
  const { customersPerRequest: maxCustomers } = services.settings.limits;
  const asked = { identifiers, submittedAt: services.now(), maxCustomers, calls };
  const { resolved, refused } = await previewInProject(asked, client, until, services);
  if (resolved.kind === 'retry') return { kind: 'later', code: resolved.code };
  if (resolved.kind === 'review') return { kind: 'unclear', code: resolved.code };
  if (refused !== undefined) return { kind: 'unclear', code: refused };
  if (resolved.kind === 'found') return { kind: 'found', customers: resolved.candidates.length };
  if (resolved.kind === 'no-match' || resolved.kind === 'created-later') return { kind: resolved.kind };
  return { kind: 'unclear', code: resolved.kind };
}
