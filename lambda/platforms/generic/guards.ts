import { isAllowedOrigin } from '../../domain/allowed-origin.ts';
import { literalPrefix, urlVariablesProblem } from './callback-url.ts';
import { headerOfPlace } from './places.ts';
import type { CallbackSettings, HmacProof, IdentifierSource, Proof, ResolvedSettings, TimePlace } from './schema.ts';
import { parseTemplate, textsIn, variablesOf } from './template.ts';
import { isZone } from './times.ts';

/** A problem of settings that concerns more than one value. It never contains a value. */
export interface SettingsProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Returns what is wrong with settings whose every value is valid alone. */
export function settingsProblems(settings: ResolvedSettings): readonly SettingsProblem[] {
  return [
    ...proofProblems(settings.proofs),
    ...placeProblems(settings),
    ...timeProblems('submittedAt', settings.submittedAt),
    ...timeProblems('dueAt', settings.dueAt),
    ...answerProblems(settings),
    ...callbackProblems(settings),
  ];
}

/** Returns whether a GET for the status can be authenticated: by a secret, or by a signature that covers the URL. */
export function canProveStatus(proofs: readonly Proof[]): boolean {
  return proofs.every(proof => proof.kind !== 'hmac' || variables(proof.signs).includes('url'));
}

function proofProblems(proofs: readonly Proof[]): SettingsProblem[] {
  const problems = proofs.filter(proof => proof.kind === 'hmac').flatMap(hmacProblems);
  const isBodyProved = proofs.some(proof => proof.kind !== 'hmac' || variables(proof.signs).includes('body'));
  if (isBodyProved) return problems;
  const message = 'signs must contain {body}, unless header or basic stands beside it';
  return [...problems, { path: ['authentication'], message }];
}

function hmacProblems({ value, signs, timestamp }: HmacProof): SettingsProblem[] {
  const signed = variables(signs);
  const isSigned = (name: string) => ['body', 'method', 'url'].includes(name) || headerVariable.test(name);
  const rules: readonly (readonly [boolean, string])[] = [
    [variables(value).join() === 'signature', 'value must contain {signature} once and no other variable'],
    [
      parseTemplate(signs) !== undefined && signed.length > 0 && signed.every(isSigned),
      'signs may contain {body}, {method}, {url} and {header:Name}',
    ],
    [
      timestamp === undefined || coveredHeaders(signs).includes(headerOfPlace(timestamp.from) ?? ''),
      'signs must contain the header of timestamp',
    ],
  ];
  return rules.flatMap(([holds, message]) => (holds ? [] : [{ path: ['authentication'], message }]));
}

const headerVariable = /^header:[A-Za-z0-9-]+$/;

/** A header that no signature covers could be changed by anyone who has seen one message. */
function placeProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { proofs, reference, identifiers, rules, callback } = settings;
  const isSigned = proofs.some(({ kind }) => kind === 'hmac' || kind === 'standard-webhooks');
  const covered = proofs.flatMap(proof =>
    proof.kind === 'hmac' ? coveredHeaders(proof.signs) : standardHeaders(proof),
  );
  const places = {
    reference: [reference].flat(),
    identifiers: identifiers.flatMap(identifierPlaces),
    rules: rules.flatMap(({ when }) => Object.keys(when)),
    test: [settings.test ?? ''],
    submittedAt: [timePlace(settings.submittedAt)],
    dueAt: [timePlace(settings.dueAt)],
    callback: [callback !== undefined && 'urls' in callback ? (callback.urls ?? '') : ''],
  };
  const isUncovered = (place: string) => {
    const header = headerOfPlace(place);
    return isSigned && header !== undefined && !covered.includes(header);
  };
  const problems = Object.entries(places).flatMap(([key, list]) =>
    list.some(isUncovered) ? [{ path: [key], message: 'must not be a header that signs does not contain' }] : [],
  );
  const isIdentifier = typeof reference === 'string' && namesIdentifier(reference, settings);
  const message = 'must not be the place of an identifier: list it to hash it';
  return isIdentifier ? [...problems, { path: ['reference'], message }] : problems;
}

function standardHeaders({ kind }: Proof): readonly string[] {
  return kind === 'standard-webhooks' ? ['webhook-id', 'webhook-timestamp'] : [];
}

function coveredHeaders(signs: string): readonly string[] {
  return variables(signs).flatMap(name => headerOfPlace(name) ?? []);
}

function identifierPlaces(source: IdentifierSource): readonly string[] {
  return typeof source['list'] === 'string' && 'value' in source ? [source['list']] : Object.keys(source);
}

/** Returns whether a place is that of an identifier, or above or below one. */
function namesIdentifier(place: string, { identifiers, each }: ResolvedSettings): boolean {
  const header = headerOfPlace(place);
  return identifiers.flatMap(identifierPlaces).some(one => {
    const other = headerOfPlace(one);
    if (header !== undefined || other !== undefined) return header === other;
    return overlaps(fromBody(place, each), fromBody(one, each));
  });
}

/** Returns a place from the root of the body: `*` stands for the entries of the list of orders. */
function fromBody(place: string, each: string | undefined): string {
  if (place.startsWith('message:')) return place.slice('message:'.length);
  return each === undefined ? place : `${each}/*${place}`;
}

/** Any key can be an entry of a list, so `*` matches every key. */
function overlaps(a: string, b: string): boolean {
  const [keys, others] = [a.split('/').slice(1), b.split('/').slice(1)];
  return keys.slice(0, others.length).every((key, at) => key === others[at] || key === '*' || others[at] === '*');
}

function timePlace(time: TimePlace | undefined): string {
  return typeof time === 'object' ? time.at : (time ?? '');
}

function timeProblems(key: string, time: TimePlace | undefined): SettingsProblem[] {
  if (typeof time !== 'object') return [];
  const { unit, zone } = time;
  if (unit === 'local' ? zone !== undefined && isZone(zone) : zone === undefined) return [];
  return [{ path: [key], message: 'zone must be a time zone such as Europe/Berlin or +01:00, and only beside local' }];
}

const resultVariables = ['reference', 'receipt', 'outcome', 'final', 'count', 'received', 'expected', 'completed'];
const notAVariable = 'holds a variable that is not available here';
const isIdentifierPlace = 'must not name an identifier, nor a place above or below one';

function answerProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { answers, statusAnswers, proofs } = settings;
  const isMessage = (name: string) => isMessageVariable(name) || name === 'base64Body';
  return [
    ...bodiesProblems('answers', answers, settings, isMessage),
    ...bodiesProblems('statusAnswers', statusAnswers, settings, () => false),
    ...(statusAnswers !== undefined && !canProveStatus(proofs)
      ? [
          {
            path: ['statusAnswers'],
            message: 'needs signs with {url}, or another authentication: there is no status route',
          },
        ]
      : []),
  ];
}

function bodiesProblems(
  key: string,
  answers: object | undefined,
  settings: ResolvedSettings,
  isAlso: (name: string) => boolean,
): SettingsProblem[] {
  return Object.entries(answers ?? {}).flatMap(([outcome, { status, body }]) => [
    ...templateProblems(
      [key, outcome],
      textsIn(body),
      settings,
      name => resultVariables.includes(name) || isAlso(name),
    ),
    ...(status === 204 && body !== undefined ? [{ path: [key, outcome], message: 'must have no body with 204' }] : []),
  ]);
}

function templateProblems(
  path: readonly string[],
  texts: readonly string[],
  settings: ResolvedSettings,
  isAvailable: (name: string) => boolean,
): SettingsProblem[] {
  if (texts.some(text => parseTemplate(text) === undefined))
    return [{ path, message: 'holds a brace that is not closed, {{ is a literal one' }];
  const names = texts.flatMap(variables);
  if (!names.every(isAvailable)) return [{ path, message: notAVariable }];
  const named = names.filter(isMessageVariable).some(name => namesIdentifier(name, settings));
  return named ? [{ path, message: isIdentifierPlace }] : [];
}

/** Returns whether a variable is a place in the message. */
export function isMessageVariable(name: string): boolean {
  return /^(message:)?(\/|$)/.test(name) || headerVariable.test(name);
}

function callbackProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { callback } = settings;
  if (callback === undefined) return [];
  const { url, urls, headers, bodies }: Partial<CallbackSettings> = callback;
  const isFromMessage = (name: string) =>
    isMessageVariable(name) || name === 'callbackUrl' || resultVariables.includes(name);
  const texts = Object.values(headers ?? {});
  const isHeaderVariable = (name: string) => secretVariable(name) !== undefined || keptHeader(name) !== undefined;
  return [
    ...((url === undefined) === (urls === undefined)
      ? [{ path: ['callback'], message: 'must have either url or urls' }]
      : []),
    ...(url === undefined ? [] : urlProblems(url, settings)),
    ...templateProblems(['callback', 'headers'], texts, settings, isHeaderVariable),
    ...headerProblems(texts, settings, urls !== undefined),
    ...templateProblems(['callback', 'bodies'], textsIn(bodies), settings, isFromMessage),
  ];
}

function urlProblems(url: string, settings: ResolvedSettings): SettingsProblem[] {
  const path = ['callback', 'url'];
  const problems = templateProblems(path, [url], settings, name => isMessageVariable(name) || name === 'reference');
  const problem = problems.length > 0 ? undefined : urlVariablesProblem(url);
  if (problem !== undefined) return [{ path, message: problem }];
  if (problems.length > 0 || isAllowedOrigin(literalPrefix(url), settings.callbackOrigins)) return problems;
  return [{ path, message: 'must begin with an origin of callbackOrigins, without a variable' }];
}

/** A secret must not reach an address that the message names, and a secret of the sender proves the sender only. */
function headerProblems(texts: readonly string[], settings: ResolvedSettings, hasUrls: boolean): SettingsProblem[] {
  const path = ['callback', 'headers'];
  const names = texts.flatMap(variables);
  const inbound = settings.proofs.flatMap(({ secret }) => secret ?? []);
  if (hasUrls && names.length > 0) return [{ path, message: 'may hold a secret or a kept header only beside url' }];
  if (names.some(name => inbound.includes(secretVariable(name) ?? ''))) {
    return [{ path, message: 'must not hold a secret of authentication' }];
  }
  const kept = names.flatMap(name => keptHeader(name) ?? []);
  return kept.some(place => namesIdentifier(place, settings)) ? [{ path, message: isIdentifierPlace }] : [];
}

/** Returns the name of the secret that a variable of a callback's header stands for. */
export function secretVariable(name: string): string | undefined {
  return /^secret:([A-Za-z][A-Za-z0-9_-]{0,39})$/.exec(name)?.[1];
}

/** Returns the place of the header that a variable of a callback's header stands for. */
export function keptHeader(name: string): string | undefined {
  return /^kept:(header:[A-Za-z0-9-]+)$/.exec(name)?.[1];
}

function variables(text: string): readonly string[] {
  return variablesOf(parseTemplate(text) ?? []);
}
