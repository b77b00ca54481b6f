import * as v from 'valibot';
import { inboundSecret, matchSecret, parseSecret, sharedSecret } from '../authentication/shared-secret.ts';
import { matchSignature } from '../authentication/signed-body.ts';
import type { ErasureRequest } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../domain/http.ts';
import { parseJson, parseStrictEntries } from '../io/json.ts';
import {
  type Authentication,
  acknowledgingPlatform,
  commonSettings,
  headerName,
  identityKind,
  mapIdentities,
  type Platform,
  parseBody,
  parseTime,
  textOrInteger,
  type VerifyContext,
} from './platform.ts';

/** Settings of Segment. */
export const segmentSettings = v.strictObject({
  projects: commonSettings.projects,
  delaySeconds: commonSettings.delaySeconds,
  /** The header with the secret's `header` value, which arrays of events need. */
  header: v.optional(headerName, 'x-webhook-secret'),
  /** The kind of identifier that Segment's `userId` is. */
  userId: v.optional(identityKind, 'source_id'),
});
type SegmentSettings = v.InferOutput<typeof segmentSettings>;

const segmentSecret = v.object({ ...sharedSecret.entries, header: v.exactOptional(inboundSecret) });

/**
 * Creates the Segment platform (classic Webhooks destination). A `delete` erases, every other event is acknowledged.
 * Source: segmentio/segment-docs, destinations/catalog/webhooks ("Delete", "Authentication", "Retries") and partners/spec.
 */
export function segment(settings: SegmentSettings): Platform {
  return acknowledgingPlatform({
    projects: settings.projects,
    checkSecret: text => parseSecret(segmentSecret, text),
    verify: (request, context) => verify(request, context, settings.header),
    parse: request => parse(request, settings),
  });
}

/** The signature of an array covers its first event only, so the sender of an array must know a second secret too. */
async function verify(request: HttpRequest, { secret }: VerifyContext, header: string): Promise<Authentication> {
  const secrets = parseSecret(segmentSecret, await secret());
  const body = parseJson(new TextDecoder().decode(request.rawBody))?.value;
  const given = singleHeader(request, 'X-Signature') ?? '';
  const texts = [request.rawBody, ...serialized(body)];
  const matched = texts.map(text => matchSignature(given, text, secrets, segmentSignature)).find(Boolean);
  if (matched === undefined) throw new Failure('unauthorized', 'X-Signature: does not match');
  if (!Array.isArray(body)) return { scheme: 'hmac-sha1', secret: matched };
  const isSender =
    secrets.header !== undefined &&
    matchSecret(singleHeader(request, header) ?? '', { current: secrets.header }) !== undefined;
  if (!isSender) {
    // The sender of the first event is genuine; most likely the second secret was never configured.
    throw new Failure('unauthorized', `${header}: is required for an array`, { alarm: 'request-rejected' });
  }
  return { scheme: 'hmac-sha1+shared-secret', secret: matched };
}

export const segmentSignature = { hash: 'sha1', encoding: 'hex' } as const;

/**
 * Segment signs `JSON.stringify` of the event ("Authentication"), which may differ from the bytes that it sends. A body that
 * is not JSON, and an empty list, have no such text.
 */
function serialized(body: unknown): readonly string[] {
  const texts: readonly (string | undefined)[] = [JSON.stringify(Array.isArray(body) ? body[0] : body)];
  return texts.filter(text => text !== undefined);
}

/** Most events in one request. */
const maxEvents = 500;

const eventType = v.object({ type: v.string() });
const deletion = v.object({
  userId: v.nullish(textOrInteger),
  messageId: v.nullish(textOrInteger),
  timestamp: v.fallback(v.nullish(v.string()), undefined),
});

/** Parses one event or several. An unreadable deletion does not affect the others; only deletions are parsed. */
function parse(request: HttpRequest, settings: SegmentSettings) {
  const events = [parseStrictEntries(request.rawBody)].flat();
  if (events.length > maxEvents) throw new Failure('too-large', `body: has more than ${maxEvents} events`);
  const erase: ErasureRequest[] = [];
  const unreadable: Failure[] = [];
  for (const event of events) {
    try {
      if (event instanceof Failure) throw event;
      if (parseBody(eventType, event, 'Segment').type === 'delete') erase.push(parseDeletion(event, settings));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      unreadable.push(error);
    }
  }
  const [first] = unreadable;
  if (erase.length > 0) return { erase, unreadable: unreadable.map(({ message }) => message) };
  if (first !== undefined) throw first;
  return { ignore: 'other-event' };
}

/**
 * The id of a message names a deletion job, which may have several users: it is unique for a user. The smallest documented
 * event has no such id: then the reference is the time of the user's deletion.
 */
function parseDeletion(event: unknown, { userId: kind }: SegmentSettings): ErasureRequest {
  const { userId, messageId, timestamp } = parseBody(deletion, event, 'Segment');
  const reference = messageId ?? timestamp ?? '';
  if (reference === '') throw new Failure('invalid', 'timestamp: is missing, and so is messageId');
  const submittedAt = parseTime(timestamp);
  const identities = typeof userId === 'string' ? [{ space: 'userId', format: 'raw', value: userId }] : [];
  return {
    reference,
    scope: userId ?? '',
    identities,
    identifiers: mapIdentities(identities, { userId: kind }),
    callbacks: [],
    ...(submittedAt === undefined ? {} : { submittedAt }),
  };
}
