import * as v from 'valibot';
import { listOf, oneOf, oneOrList, textLike, wholeNumber } from '../../io/setting-schemas.ts';
import { commonSettings, headerName, identityKind } from '../platform.ts';
import { hasWholeParts } from './callback-url.ts';
import { proof, secretName } from './proof-schema.ts';
import { hasOnly, variablesIn } from './template.ts';
import { isZone } from './times.ts';

export type { HmacProof, JwtProof, Proof } from './proof-schema.ts';

import type { Proof } from './proof-schema.ts';

/** RFC 6901: empty for the whole body, otherwise a slash before each key, in which `~1` is a slash and `~0` a tilde. */
const pointer = textLike(/^(\/([^~/]|~[01])*)*$/u, 'must be a JSON pointer such as /person/email');
const place = textLike(
  /^((message:)?(\/([^~/]|~[01])*)*|header:[A-Za-z0-9-]+)$/u,
  'must be a JSON pointer such as /person/email, or header:Name',
);
const literal = v.union(
  [v.string(), v.number(), v.boolean(), v.null()],
  'must be a string, a number, true, false or null',
);
const conditions = v.record(place, oneOrList(literal, 'value'));
export type Conditions = v.InferOutput<typeof conditions>;

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
export type IdentifierSource = v.InferOutput<typeof identifierSource>;

const timeWithUnit = v.pipe(
  v.strictObject({ at: place, unit: oneOf(['s', 'ms', 'rfc3339', 'local']), zone: v.exactOptional(v.string()) }),
  v.check(
    ({ unit, zone }) => (unit === 'local' ? zone !== undefined && isZone(zone) : zone === undefined),
    'zone must be a time zone such as Europe/Berlin or +01:00, and only together with local',
  ),
);
export type TimePlace = v.InferOutput<typeof timeWithUnit>;
const rfc3339 = v.pipe(
  place,
  v.transform((at): TimePlace => ({ at, unit: 'rfc3339' })),
);
const time = v.lazy(value => (typeof value === 'string' ? rfc3339 : timeWithUnit));

const rule = v.strictObject({
  /** All of these places must have one of the values; `null` is an absent value. */
  when: conditions,
  do: oneOf(['erase', 'ignore', 'test', 'withdraw']),
});

const headerText = textLike(/^[\x20-\x7e]+$/, 'must be printable ASCII');
const headers = v.record(headerName, headerText);
/** Adds to a schema that every text in its value is a template with these variables only, see {@link hasOnly}. */
function withVariables<S extends v.GenericSchema>(schema: S, variables: string) {
  return v.pipe(
    schema,
    v.check(
      value => hasOnly(value, variables),
      `may contain only ${variables.replaceAll(' ', ', ')}; {{ is a literal brace`,
    ),
  );
}

const result = '{reference} {receipt} {outcome} {final} {count} {received} {expected} {completed}';
const success = [200, 201, 202, 204] as const;
const refusals = Array.from({ length: 100 }, (_, at) => 400 + at);

/** A reply to one outcome, with a body that may contain these variables. */
function answer<S extends v.GenericSchema<unknown, number>>(status: S, variables: string) {
  const body = v.exactOptional(withVariables(v.unknown(), variables));
  return v.exactOptional(
    v.pipe(
      v.strictObject({ status, headers: v.exactOptional(headers), body }),
      v.check(one => one.status !== 204 || one.body === undefined, 'must have no body with 204'),
    ),
  );
}

function outcomes(variables: string) {
  const final = answer(oneOf(success), variables);
  const unable = answer(
    v.picklist([...success, ...refusals], 'must be 200, 201, 202, 204 or from 400 to 499'),
    variables,
  );
  const open = answer(oneOf([...success, 503]), variables);
  const told = { erased: final, no_match: final, created_later: final, not_identifiable: unable, refused: unable };
  return { ...told, in_progress: open, needs_review: open, '*': final };
}

const inAnswers = `{/pointer} {header:Name} {base64Body} ${result}`;
const other = answer(oneOf(success), inAnswers);
const answers = v.strictObject({ ...outcomes(inAnswers), ignored: other, test: other });
const statusAnswers = v.strictObject(outcomes(result));
export type Answers = v.InferOutput<typeof answers>;

const statuses = v.optional(v.array(wholeNumber(300, 599)), []);
const anyBody = v.exactOptional(v.unknown());
const callbackBodies = v.strictObject({
  erased: anyBody,
  no_match: anyBody,
  created_later: anyBody,
  not_identifiable: anyBody,
  refused: anyBody,
});
const callbackUrl = v.pipe(
  withVariables(v.string(), '{/pointer} {header:Name} {reference}'),
  v.check(hasWholeParts, 'must have variables only as whole path segments or whole query values'),
);
const callback = v.pipe(
  v.strictObject({
    when: v.optional(oneOf(['late', 'always']), 'late'),
    method: v.optional(oneOf(['POST', 'PUT', 'PATCH']), 'POST'),
    url: v.exactOptional(callbackUrl),
    urls: v.exactOptional(place),
    headers: v.exactOptional(withVariables(headers, '{secret:name} {token} {kept:/pointer} {kept:header:Name}')),
    sign: v.exactOptional(oneOf(['standard-webhooks'])),
    delivered: statuses,
    refused: statuses,
    bodies: v.exactOptional(withVariables(callbackBodies, `{/pointer} {header:Name} {callbackUrl} ${result}`)),
  }),
  v.check(({ url, urls }) => (url === undefined) !== (urls === undefined), 'must have either url or urls'),
  v.forward(
    v.check(
      ({ urls, headers: all }) => urls === undefined || hasOnly(all, ''),
      'may hold a secret or a kept header only together with url',
    ),
    ['headers'],
  ),
);
export type CallbackSettings = v.InferOutput<typeof callback>;

const query = textLike(/^[A-Za-z0-9_.[\]-]{1,64}$/, 'must be the name of a query parameter');
/** The next page is the next number, or has a value of the page before. */
const numberedPage = v.strictObject({ query, from: wholeNumber(0, 1), step: v.optional(wholeNumber(1, 500), 1) });
const cursorPage = v.strictObject({ query, at: pointer });

/** How a platform that does not call is asked for its orders. */
const pull = v.pipe(
  v.strictObject({
    everyMinutes: v.optional(wholeNumber(1, 1440), 15),
    method: v.optional(oneOf(['GET', 'POST']), 'GET'),
    url: v.string(),
    headers: v.exactOptional(withVariables(headers, '{secret:name} {token}')),
    body: anyBody,
    /** The list of orders in the response. */
    list: pointer,
    next: v.exactOptional(
      v.lazy(value => (typeof value === 'object' && value !== null && 'at' in value ? cursorPage : numberedPage)),
    ),
    maxPages: v.optional(wholeNumber(1, 20), 10),
  }),
  v.forward(
    v.check(({ method, body }) => method === 'POST' || body === undefined, 'needs the method POST'),
    ['body'],
  ),
);
export type PullSettings = v.InferOutput<typeof pull>;

/** Where the access token for calls is requested, by client credentials. */
const oauth = v.strictObject({
  url: v.string(),
  /** The entry of `named` that holds `id:secret`. */
  secret: secretName,
  scope: v.exactOptional(textLike(/^[\x21\x23-\x5b\x5d-\x7e ]+$/, 'must be names of scopes')),
});

const places = listOf(place, 'place');

/** Settings of a platform without code of its own, value by value. */
export const genericSchema = v.strictObject({
  ...commonSettings,
  type: v.exactOptional(oneOf(['generic'])),
  /** How the sender is authenticated. A list means that all must hold. Only a platform that is asked may have none. */
  authentication: v.exactOptional(oneOrList(proof, 'authentication')),
  pull: v.exactOptional(pull),
  oauth: v.exactOptional(oauth),
  /** The first rule that matches an order decides. */
  rules: v.exactOptional(listOf(rule, 'rule')),
  otherwise: v.optional(oneOf(['refuse', 'ignore']), 'refuse'),
  /** The list of orders in a message with several. */
  each: v.exactOptional(pointer),
  /** The place of the request's id, or several places whose values together are the id. */
  reference: v.exactOptional(v.lazy(value => (Array.isArray(value) ? places : place))),
  identifiers: v.exactOptional(oneOrList(identifierSource, 'entry')),
  submittedAt: v.exactOptional(time),
  dueAt: v.exactOptional(time),
  test: v.exactOptional(place),
  answers: v.exactOptional(answers),
  statusAnswers: v.exactOptional(statusAnswers),
  withdrawAnswers: v.exactOptional(statusAnswers),
  callback: v.exactOptional(callback),
});
export type GenericSettings = v.InferOutput<typeof genericSchema>;

/** Our own body, as settings map it. */
const own = v.parse(v.required(genericSchema, ['rules', 'reference', 'identifiers']), {
  rules: [{ when: { '/type': 'erasure' }, do: 'erase' }],
  reference: '/request_id',
  identifiers: {
    list: '/identifiers',
    type: '/type',
    value: '/value',
    kinds: { customer_id: 'customer_id', source_id: 'source_id', email: 'email', phone: 'phone' },
  },
  submittedAt: '/submitted_at',
  dueAt: '/due_at',
  test: '/test',
  callback: { urls: '/callback_url', sign: 'standard-webhooks' },
});

export type ResolvedSettings = ReturnType<typeof resolveSettings>;

/** Adds the places of our own body. Its optional fields are read only if the section maps no place itself. */
export function resolveSettings(settings: GenericSettings) {
  const { rules, each, reference, identifiers, submittedAt, dueAt, test, authentication: proofs = [], pull } = settings;
  const mapped = [rules, each, reference, identifiers, submittedAt, dueAt, test];
  const isPullOnly = settings.authentication === undefined;
  const optional = mapped.every(one => one === undefined) ? own : settings;
  return {
    ...settings,
    proofs,
    isPullOnly,
    hasStatusRoute: proofs.every(proof => proof.kind !== 'hmac' || signsAll(proof, ['url'])),
    hasWithdrawalRoute: hasWithdrawalRoute(settings),
    hasUselessReplies: isPullOnly && [each, settings.answers, settings.statusAnswers].some(one => one !== undefined),
    hasOwnIdentifiers: identifiers === undefined,
    each: isPullOnly ? pull?.list : each,
    rules: rules ?? own.rules,
    reference: reference ?? own.reference,
    identifiers: identifiers ?? own.identifiers,
    submittedAt: optional.submittedAt,
    dueAt: optional.dueAt,
    test: optional.test,
    callback: settings.callback ?? optional.callback,
  };
}

/**
 * Withdrawals have replies, and their authentication covers method and URL or is itself the secret. Otherwise a status
 * request that another person has seen could be sent again as a withdrawal.
 */
function hasWithdrawalRoute({ withdrawAnswers, authentication: proofs = [] }: GenericSettings): boolean {
  const covers = (proof: Proof) =>
    proof.kind === 'hmac' ? signsAll(proof, ['method', 'url']) : proof.kind !== 'standard-webhooks';
  return withdrawAnswers !== undefined && proofs.length > 0 && proofs.every(covers);
}

function signsAll({ signs }: { readonly signs: string }, names: readonly string[]): boolean {
  const signed = variablesIn(signs);
  return names.every(name => signed.includes(name));
}
