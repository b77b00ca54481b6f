import * as v from 'valibot';
import type { ErasureRequest, Outcome } from '../domain/erasure.ts';
import { Failure, type FailureCode } from '../domain/failure.ts';
import { isUsable } from '../domain/identifiers.ts';

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

/**
 * Returns whether an event is of {@link ManualEvent}'s kind, valid or not. API Gateway sets `httpMethod` and `requestContext`
 * in each of its events, and what a caller sends is text below other keys.
 */
export function isManualEvent(event: object): event is ManualEvent {
  return 'manual' in event && !('httpMethod' in event) && !('requestContext' in event);
}

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
