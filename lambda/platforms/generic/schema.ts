import * as v from 'valibot';
import { commonSettings, headerName, identityKind } from '../platform.ts';
import { type Proof, proof, proofs, secretName } from './proof-schema.ts';

export type { HmacProof, JwtProof, Proof } from './proof-schema.ts';

/** RFC 6901: empty for the whole body, otherwise a slash before each key, in which `~1` is a slash and `~0` a tilde. */
const pointer = v.pipe(v.string(), v.regex(/^(\/([^~/]|~[01])*)*$/u, 'must be a JSON pointer such as /person/email'));
const place = v.pipe(
  v.string(),
  v.regex(
    /^((message:)?(\/([^~/]|~[01])*)*|header:[A-Za-z0-9-]+)$/u,
    'must be a JSON pointer such as /person/email, or header:Name',
  ),
);
const literal = v.union(
  [v.string(), v.number(), v.boolean(), v.null()],
  'must be a string, a number, true, false or null',
);
const literals = v.pipe(v.array(literal), v.nonEmpty('must hold at least one value'));
const conditions = v.record(
  place,
  v.lazy(value => (Array.isArray(value) ? literals : literal)),
);

const kinds = v.pipe(v.record(v.string(), identityKind), v.minEntries(1, 'must map at least one type'));
const identifierPlaces = v.pipe(v.record(place, identityKind), v.minEntries(1, 'must map at least one place'));
const typedList = v.strictObject({
  list: pointer,
  type: pointer,
  value: pointer,
  only: v.exactOptional(conditions),
  kinds,
});
const plainList = v.strictObject({ list: pointer, value: pointer, kind: identityKind });
const identifierSource = v.lazy(source => {
  if (typeof source !== 'object' || source === null || !('list' in source)) return identifierPlaces;
  return 'kind' in source ? plainList : typedList;
});
const identifierSources = v.pipe(v.array(identifierSource), v.nonEmpty('must hold at least one entry'));
export type IdentifierSource =
  | v.InferOutput<typeof identifierPlaces>
  | v.InferOutput<typeof typedList>
  | v.InferOutput<typeof plainList>;

const timeWithUnit = v.strictObject({
  at: place,
  unit: v.picklist(['s', 'ms', 'rfc3339', 'local'], 'must be s, ms, rfc3339 or local'),
  zone: v.exactOptional(v.string()),
});
const time = v.lazy(value => (typeof value === 'string' ? place : timeWithUnit));
export type TimePlace = string | v.InferOutput<typeof timeWithUnit>;

const rule = v.strictObject({
  /** All of these places must have one of the values; `null` is an absent value. */
  when: conditions,
  do: v.picklist(['erase', 'ignore', 'test', 'withdraw'], 'must be erase, ignore, test or withdraw'),
});

const success = [200, 201, 202, 204] as const;
const header = v.pipe(v.string(), v.regex(/^[\x20-\x7e]+$/, 'must be printable ASCII'));
const headers = v.exactOptional(v.record(headerName, header));

function answer<S extends v.GenericSchema<unknown, number>>(status: S) {
  return v.exactOptional(v.strictObject({ status, headers, body: v.exactOptional(v.unknown()) }));
}

const final = answer(v.picklist(success, 'must be 200, 201, 202 or 204'));
const unable = answer(
  v.pipe(
    v.number(),
    v.check(
      status => success.some(one => one === status) || (status >= 400 && status < 500 && Number.isInteger(status)),
      'must be 200, 201, 202, 204 or from 400 to 499',
    ),
  ),
);
const open = answer(v.picklist([...success, 503], 'must be 200, 201, 202, 204 or 503'));
const outcomes = {
  erased: final,
  no_match: final,
  created_later: final,
  not_identifiable: unable,
  refused: unable,
  in_progress: open,
  needs_review: open,
  '*': final,
};
const statusAnswers = v.strictObject(outcomes);
const answers = v.strictObject({ ...outcomes, ignored: final, test: final });
export type Answers = v.InferOutput<typeof answers>;

const anyBody = v.exactOptional(v.unknown());
const statuses = v.exactOptional(
  v.array(
    v.pipe(
      v.number(),
      v.check(status => Number.isInteger(status) && status >= 300 && status < 600, 'must be from 300 to 599'),
    ),
  ),
);
const callback = v.strictObject({
  when: v.optional(v.picklist(['late', 'always'], 'must be late or always'), 'late'),
  method: v.optional(v.picklist(['POST', 'PUT', 'PATCH'], 'must be POST, PUT or PATCH'), 'POST'),
  url: v.exactOptional(v.string()),
  urls: v.exactOptional(place),
  headers,
  sign: v.exactOptional(v.literal('standard-webhooks', 'must be standard-webhooks')),
  delivered: statuses,
  refused: statuses,
  bodies: v.exactOptional(
    v.strictObject({
      erased: anyBody,
      no_match: anyBody,
      created_later: anyBody,
      not_identifiable: anyBody,
      refused: anyBody,
    }),
  ),
});
export type CallbackSettings = v.InferOutput<typeof callback>;

function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

const queryName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.[\]-]{1,64}$/, 'must be the name of a query parameter'));
/** The next page is the next number, or has a value of the page before. */
const numberedPage = v.strictObject({
  query: queryName,
  from: wholeNumber(0, 1),
  step: v.optional(wholeNumber(1, 500), 1),
});
const cursorPage = v.strictObject({ query: queryName, at: pointer });

/** How a platform that does not call is asked for its orders. */
const pull = v.strictObject({
  everyMinutes: v.optional(wholeNumber(1, 1440), 15),
  method: v.optional(v.picklist(['GET', 'POST'], 'must be GET or POST'), 'GET'),
  url: v.string(),
  headers,
  body: anyBody,
  /** The list of orders in the response. */
  list: pointer,
  next: v.exactOptional(
    v.lazy(value => (typeof value === 'object' && value !== null && 'at' in value ? cursorPage : numberedPage)),
  ),
  maxPages: v.optional(wholeNumber(1, 20), 10),
});
export type PullSettings = v.InferOutput<typeof pull>;

/** Where an access token for calls is had by client credentials. */
const oauth = v.strictObject({
  url: v.string(),
  /** The entry of `named` that holds `id:secret`. */
  secret: secretName,
  scope: v.exactOptional(v.pipe(v.string(), v.regex(/^[\x21\x23-\x5b\x5d-\x7e ]+$/, 'must be names of scopes'))),
});

const places = v.pipe(v.array(place), v.nonEmpty('must hold at least one place'));

/** Settings of a platform without code of its own, value by value. */
export const genericSchema = v.strictObject({
  ...commonSettings,
  type: v.exactOptional(v.literal('generic', 'must be generic')),
  /** How the sender is authenticated. A list means that all must hold. Only a platform that is asked may have none. */
  authentication: v.exactOptional(v.lazy(value => (Array.isArray(value) ? proofs : proof))),
  pull: v.exactOptional(pull),
  oauth: v.exactOptional(oauth),
  /** The first rule that matches an order decides. */
  rules: v.exactOptional(v.pipe(v.array(rule), v.nonEmpty('must hold at least one rule'))),
  otherwise: v.optional(v.picklist(['refuse', 'ignore'], 'must be refuse or ignore'), 'refuse'),
  /** The list of orders in a message with several. */
  each: v.exactOptional(pointer),
  /** The place of the request's id, or several places whose values together are the id. */
  reference: v.exactOptional(v.lazy(value => (Array.isArray(value) ? places : place))),
  identifiers: v.exactOptional(v.lazy(value => (Array.isArray(value) ? identifierSources : identifierSource))),
  submittedAt: v.exactOptional(time),
  dueAt: v.exactOptional(time),
  test: v.exactOptional(place),
  answers: v.exactOptional(answers),
  statusAnswers: v.exactOptional(statusAnswers),
  withdrawAnswers: v.exactOptional(statusAnswers),
  callback: v.exactOptional(callback),
});
export type GenericSettings = v.InferOutput<typeof genericSchema>;

/** The rules and places of our own body, which a section without any has. */
const ownBody = {
  rules: [{ when: { '/type': 'erasure' }, do: 'erase' }],
  reference: '/request_id',
  identifiers: {
    list: '/identifiers',
    type: '/type',
    value: '/value',
    kinds: { customer_id: 'customer_id', source_id: 'source_id', email: 'email', phone: 'phone' },
  },
} as const;
const ownOptionalPlaces = { submittedAt: '/submitted_at', dueAt: '/due_at', test: '/test' } as const;
const ownCallback = { when: 'late', method: 'POST', urls: '/callback_url', sign: 'standard-webhooks' } as const;

export type ResolvedSettings = ReturnType<typeof resolveSettings>;

/** Adds the places of our own body. Its optional fields are read only if the section maps no place itself. */
export function resolveSettings(settings: GenericSettings) {
  const { rules, each, reference, identifiers, submittedAt, dueAt, test, authentication, callback, ...rest } = settings;
  const mapped = { each, rules, reference, identifiers, submittedAt, dueAt, test };
  const isPullOnly = authentication === undefined;
  const isOwnBody = Object.values(mapped).every(one => one === undefined);
  const optional = isOwnBody ? ownOptionalPlaces : { submittedAt, dueAt, test };
  return {
    ...rest,
    ...optional,
    hasOwnIdentifiers: identifiers === undefined,
    isPullOnly,
    hasUselessReplies: isPullOnly && [each, settings.answers, settings.statusAnswers].some(one => one !== undefined),
    each: isPullOnly ? settings.pull?.list : each,
    proofs: isPullOnly ? [] : listOf<Proof>(authentication),
    rules: rules ?? ownBody.rules,
    reference: (reference ?? ownBody.reference) as string | readonly string[],
    identifiers: listOf<IdentifierSource>(identifiers ?? ownBody.identifiers),
    callback: callback ?? (isOwnBody ? ownCallback : undefined),
  };
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}
