import * as v from 'valibot';
import { isAllowedOrigin } from '../../domain/http.ts';
import { literalPrefix } from './callback-url.ts';
import { identifierPlaces, namesIdentifier } from './identifiers.ts';
import { headerOfPlace } from './places.ts';
import { genericSchema, type Proof, type ResolvedSettings, resolveSettings } from './schema.ts';
import { placeOf, secretVariable, variablesIn } from './template.ts';

/** A rule for more than one value: the path of what is wrong if it does not hold, and what is said. Never a value. */
type SettingsRule = readonly [path: string, holds: boolean, message: string];

/** Settings of a platform without code of its own. Source: docs/platforms/generic.md. */
export const genericSettings = v.pipe(
  genericSchema,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    const settings = resolveSettings(dataset.value);
    const rules = [proofRules, pullRules, placeRules, secretRules, templateRules, answerRules];
    for (const [path, holds, message] of rules.flatMap(rulesOf => rulesOf(settings))) {
      if (!holds) addIssue({ message, path: pathOf(path) });
    }
  }),
);

function pathOf(path: string): [v.IssuePathItem, ...v.IssuePathItem[]] {
  const item = (key: string) =>
    ({ type: 'unknown', origin: 'value', input: undefined, key, value: undefined }) as const;
  const [first = '', ...rest] = path.split('.');
  return [item(first), ...rest.map(item)];
}

function proofRules({ proofs, pull, isPullOnly }: ResolvedSettings): readonly SettingsRule[] {
  const isBodyProved = proofs.some(proof => proof.kind !== 'hmac' || variablesIn(proof.signs).includes('body'));
  const rule = 'signs must contain {body}, unless there is also header, basic or jwt';
  return isPullOnly ? [['authentication', pull !== undefined, 'is missing']] : [['authentication', isBodyProved, rule]];
}

const literalUrl = 'must be an address without variables on an origin of callbackOrigins';

function pullRules(settings: ResolvedSettings): readonly SettingsRule[] {
  const { pull, callback, callbackOrigins, rules, hasUselessReplies } = settings;
  if (pull === undefined) return [];
  return [
    ['pull.url', isLiteralUrl(pull.url, callbackOrigins), literalUrl],
    ['callback', callback?.url !== undefined, 'must have a url as well as pull, to report the outcome'],
    ['rules', rules.every(rule => rule.do !== 'withdraw'), 'must not withdraw: an order that is pulled is open'],
    ['answers', !hasUselessReplies, 'has no effect without authentication, like each and statusAnswers'],
  ];
}

/** Returns whether a URL is exactly an address on one of the origins: literal, and without user, password or fragment. */
function isLiteralUrl(url: string, origins: readonly string[]): boolean {
  return !/[{}#\s\\]/.test(url) && isAllowedOrigin(url, origins) && URL.parse(url)?.href === url;
}

/** A header that no signature covers could be changed by anyone who has seen one message. */
function placeRules(settings: ResolvedSettings): readonly SettingsRule[] {
  const { proofs, pull, reference, identifiers, rules, test, submittedAt, dueAt, callback } = settings;
  const isSigned = proofs.some(({ kind }) => kind === 'hmac' || kind === 'standard-webhooks');
  const covered = proofs.flatMap(coveredHeaders);
  const isCovered = (place: string) => {
    const header = headerOfPlace(place);
    return header === undefined || (pull === undefined && !isSigned) || covered.includes(header);
  };
  const rule =
    pull === undefined
      ? 'must not be a header that signs does not contain'
      : 'must not be a header: an order that is pulled has none';
  const places: Readonly<Record<string, readonly string[]>> = {
    reference: [reference].flat(),
    identifiers: identifiers.flatMap(identifierPlaces),
    rules: rules.flatMap(({ when }) => Object.keys(when)),
    test: [test ?? ''],
    submittedAt: [submittedAt?.at ?? ''],
    dueAt: [dueAt?.at ?? ''],
    callback: [callback?.urls ?? ''],
  };
  const isIdentifier = typeof reference === 'string' && namesIdentifier(reference, settings);
  return [
    ...Object.entries(places).map(([key, all]): SettingsRule => [key, all.every(isCovered), rule]),
    ['reference', !isIdentifier, 'must not be the place of an identifier: list it to hash it'],
  ];
}

function coveredHeaders(proof: Proof): readonly string[] {
  if (proof.kind === 'standard-webhooks') return ['webhook-id', 'webhook-timestamp'];
  return proof.kind === 'hmac' ? variablesIn(proof.signs).flatMap(name => headerOfPlace(name) ?? []) : [];
}

/** A secret of the sender proves the sender only, so it is never sent. */
function secretRules({ proofs, oauth, pull, callback, callbackOrigins }: ResolvedSettings): readonly SettingsRule[] {
  const inbound = proofs.map(proof => ('secret' in proof ? proof.secret : undefined));
  const sent = { 'pull.headers': pull?.headers, 'callback.headers': callback?.headers };
  const rules = Object.entries(sent).flatMap(([path, headers]): SettingsRule[] => {
    const names = variablesIn(headers);
    return [
      [
        path,
        !names.some(name => inbound.includes(secretVariable(name) ?? '')),
        'must not hold a secret of authentication',
      ],
      [path, oauth !== undefined || !names.includes('token'), '{token} needs oauth'],
    ];
  });
  if (oauth === undefined) return rules;
  const isUsed = variablesIn(sent).includes('token');
  return [
    ...rules,
    ['oauth.url', isLiteralUrl(oauth.url, callbackOrigins), literalUrl],
    ['oauth.secret', !inbound.includes(oauth.secret), 'must not be a secret of authentication'],
    ['oauth', isUsed, 'has no effect without {token} in headers of pull or callback'],
  ];
}

function templateRules(settings: ResolvedSettings): readonly SettingsRule[] {
  const { answers = {}, callback, callbackOrigins } = settings;
  const templates: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(Object.entries(answers).map(([outcome, one]) => [`answers.${outcome}`, one.body])),
    'callback.url': callback?.url,
    'callback.headers': callback?.headers,
    'callback.bodies': callback?.bodies,
  };
  const placesIn = (json: unknown) => variablesIn(json).flatMap(name => placeOf(name) ?? []);
  const isAllowed = callback?.url === undefined || isAllowedOrigin(literalPrefix(callback.url), callbackOrigins);
  const rule = 'must not name an identifier, nor a place above or below one';
  return [
    ...Object.entries(templates).map(
      ([path, json]): SettingsRule => [path, !placesIn(json).some(place => namesIdentifier(place, settings)), rule],
    ),
    ['callback.url', isAllowed, 'must begin with an origin of callbackOrigins, without a variable'],
  ];
}

function answerRules(settings: ResolvedSettings): readonly SettingsRule[] {
  const { statusAnswers, withdrawAnswers, rules, hasStatusRoute, hasWithdrawalRoute } = settings;
  const isWithdrawn = hasWithdrawalRoute || rules.some(rule => rule.do === 'withdraw');
  return [
    [
      'statusAnswers',
      statusAnswers === undefined || hasStatusRoute,
      'needs signs with {url}, or another authentication: there is no status route',
    ],
    [
      'withdrawAnswers',
      withdrawAnswers === undefined || isWithdrawn,
      'needs signs with {method} and {url}, or header, basic or jwt, or a rule with "do": "withdraw": nothing is withdrawn',
    ],
  ];
}
