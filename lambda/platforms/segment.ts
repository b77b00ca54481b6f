import * as v from 'valibot';
import { inboundSecret, matchSecret, parseSecret, sharedSecret } from '../authenticity/shared-secret.ts';
import { matchSignature } from '../authenticity/signed-body.ts';
import type { ErasureRequest } from '../erasure.ts';
import { Failure } from '../failure.ts';
import { parseStrictJson } from '../io/json.ts';
import { commonSettings, headerName, identityKind } from './common-settings.ts';
import { parseBody, parseTime } from './fields.ts';
import {
  type Authentication,
  emptyReply,
  type HttpRequest,
  type ParsedRequest,
  type Platform,
  plainErrorReply,
  singleHeader,
  type VerifyContext,
} from './platform.ts';

/** What settings say of Segment. */
export const segmentSettings = v.strictObject({
  projects: commonSettings.projects,
  /** The header that carries the secret's `header` value, which arrays of events need. */
  header: v.optional(headerName, 'x-webhook-secret'),
  /** What Segment's `userId` is in Voucherify. */
  userId: v.optional(identityKind, 'source_id'),
});
type SegmentSettings = v.InferOutput<typeof segmentSettings>;

const segmentSecret = v.object({ ...sharedSecret.entries, header: v.exactOptional(inboundSecret) });

/**
 * Segment's classic Webhooks destination: a `delete` erases, every other event is acknowledged. Source:
 * segmentio/segment-docs, destinations/catalog/webhooks ("Delete", "Authentication", "Retries") and partners/spec.
 */
export function segment(settings: SegmentSettings): Platform {
  return {
    responseMode: 'acknowledgement',
    callbackOrigins: [],
    projects: settings.projects,
    checkSecret: text => parseSecret(segmentSecret, text),
    verify: (request, means) => verify(request, means, settings.header),
    parse: request => read(request, settings),
    reply: () => emptyReply(200),
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: async () => [],
  };
}

/** The signature of an array covers its first event alone, so whoever sends one must know a second secret. */
async function verify(request: HttpRequest, { secret }: VerifyContext, header: string): Promise<Authentication> {
  const secrets = parseSecret(segmentSecret, await secret());
  const body = jsonOrUndefined(request.rawBody);
  const given = singleHeader(request, 'X-Signature') ?? '';
  const labels = [request.rawBody, ...resaid(body)].map(text => matchSignature(given, text, secrets, segmentSignature));
  const matched = labels.find(label => label !== undefined);
  if (matched === undefined) throw new Failure('unauthorized', 'X-Signature: does not match');
  if (!Array.isArray(body)) return { scheme: 'hmac-sha1', secret: matched };
  if (!carries(request, header, secrets.header)) {
    // The sender of the first event is genuine; most likely the second secret was never set up.
    throw new Failure('unauthorized', `${header}: an array needs it`, { alarm: 'request-refused' });
  }
  return { scheme: 'hmac-sha1+shared-secret', secret: matched };
}

export const segmentSignature = { hash: 'sha1', encoding: 'hex' } as const;

/** "Authentication" signs `JSON.stringify` of the event, which need not be the bytes that were sent. */
function resaid(body: unknown): readonly string[] {
  if (body === undefined) return [];
  return Array.isArray(body) ? body.slice(0, 1).map(event => JSON.stringify(event)) : [JSON.stringify(body)];
}

/** Nothing of a body that was not proved genuine yet is told to the caller, not even that it is no JSON. */
function jsonOrUndefined(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch {
    return undefined;
  }
}

function carries(request: HttpRequest, header: string, expected: string | undefined): boolean {
  if (expected === undefined) return false;
  return matchSecret(singleHeader(request, header) ?? '', { current: expected }) !== undefined;
}

const events = v.array(v.looseObject({ type: v.string() }));
const deletion = v.object({
  userId: v.nullish(v.string()),
  messageId: v.nullish(v.string()),
  timestamp: v.nullish(v.string()),
});

/** One event or several; what is not a deletion is not looked at. */
function read(request: HttpRequest, settings: SegmentSettings): ParsedRequest {
  const sent = parseBody(events, [parseStrictJson(request.rawBody)].flat(), 'Segment');
  const deletions = sent.filter(event => event.type === 'delete').map(event => parseBody(deletion, event, 'Segment'));
  if (deletions.length === 0) return { ignore: 'other-event' };
  return { erase: deletions.map(event => erasure(event, settings)) };
}

/**
 * The id of a message names the deletion job, and nothing says that a job has one user only: it is unique for a user.
 * The least that is documented has no such id; then it is the user's deletion of that time.
 */
function erasure({ userId, messageId, timestamp }: v.InferOutput<typeof deletion>, { userId: kind }: SegmentSettings) {
  const reference = messageId ?? timestamp ?? '';
  if (reference === '') throw new Failure('invalid', 'timestamp: is missing, and messageId too');
  const submittedAt = parseTime(timestamp);
  const users = typeof userId === 'string' ? [userId] : [];
  return {
    reference,
    scope: userId ?? '',
    identities: users.map(value => ({ space: 'userId', format: 'raw', value })),
    identifiers: users.map(value => ({ kind, value })),
    callbacks: [],
    ...(submittedAt === undefined ? {} : { submittedAt }),
  } satisfies ErasureRequest;
}
