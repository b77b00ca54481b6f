import { isAllowedOrigin } from '../../domain/allowed-origin.ts';
import { literalPrefix, urlVariablesProblem } from './callback-url.ts';
import { namesIdentifier } from './identifier-places.ts';
import type { CallbackSettings, HmacProof, Proof, ResolvedSettings } from './schema.ts';
import { isMessageVariable, keptPlace, parseTemplate, secretVariable, textsIn, variablesIn } from './template.ts';

/** A problem of settings that concerns more than one value. It never contains a value. */
export interface SettingsProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/** A rule that settings must keep, the path that it concerns, and what is said if it does not hold. */
type SettingsRule = readonly [holds: boolean, path: readonly string[], message: string];

/** Returns the problems of rules that do not hold. */
export function unmet(...rules: readonly SettingsRule[]): SettingsProblem[] {
  return rules.flatMap(([holds, path, message]) => (holds ? [] : [{ path, message }]));
}

/** Returns whether a GET for the status can be authenticated: by a secret, or by a signature that covers the URL. */
export function canProveStatus(proofs: readonly Proof[]): boolean {
  return proofs.every(proof => proof.kind !== 'hmac' || variablesIn(proof.signs).includes('url'));
}

/**
 * Returns whether settings enable the route that withdraws an erasure: it has replies, and its authentication covers method
 * and URL or is itself the secret. Otherwise a status request that somebody has seen could be sent again as a withdrawal.
 */
export function hasWithdrawalRoute({ withdrawAnswers, proofs }: Pick<ResolvedSettings, 'withdrawAnswers' | 'proofs'>) {
  const covers = ({ signs }: HmacProof) => ['method', 'url'].every(name => variablesIn(signs).includes(name));
  const canProve = (proof: Proof) => (proof.kind === 'hmac' ? covers(proof) : proof.kind !== 'standard-webhooks');
  return withdrawAnswers !== undefined && proofs.length > 0 && proofs.every(canProve);
}

const resultNames = ['reference', 'receipt', 'outcome', 'final', 'count', 'received', 'expected', 'completed'];
const notAVariable = 'holds a variable that is not available here';
const isIdentifierPlace = 'must not name an identifier, nor a place above or below one';

/** Returns what is wrong with the templates of replies. */
export function answerProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { answers, statusAnswers, withdrawAnswers, proofs, rules } = settings;
  const isWithdrawn = hasWithdrawalRoute(settings) || rules.some(rule => rule.do === 'withdraw');
  const isMessage = (name: string) => isMessageVariable(name) || name === 'base64Body';
  return [
    ...bodiesProblems('answers', answers, settings, isMessage),
    ...bodiesProblems('statusAnswers', statusAnswers, settings, () => false),
    ...bodiesProblems('withdrawAnswers', withdrawAnswers, settings, () => false),
    ...unmet(
      [withdrawAnswers === undefined || isWithdrawn, ['withdrawAnswers'], noWithdrawal],
      [
        statusAnswers === undefined || canProveStatus(proofs),
        ['statusAnswers'],
        'needs signs with {url}, or another authentication: there is no status route',
      ],
    ),
  ];
}

const noWithdrawal =
  'needs signs with {method} and {url}, or header, basic or jwt, or a rule with "do": "withdraw": nothing is withdrawn';

function bodiesProblems(
  key: string,
  answers: object | undefined,
  settings: ResolvedSettings,
  isAlso: (name: string) => boolean,
): SettingsProblem[] {
  return Object.entries(answers ?? {}).flatMap(([outcome, { status, body }]) => [
    ...templateProblems([key, outcome], textsIn(body), settings, name => resultNames.includes(name) || isAlso(name)),
    ...unmet([status !== 204 || body === undefined, [key, outcome], 'must have no body with 204']),
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
  const names = texts.flatMap(variablesIn);
  if (!names.every(isAvailable)) return [{ path, message: notAVariable }];
  const places = names.flatMap(name => (isMessageVariable(name) ? name : (keptPlace(name) ?? [])));
  return unmet([!places.some(place => namesIdentifier(place, settings)), path, isIdentifierPlace]);
}

/** Returns what is wrong with the templates of callbacks, and where they lead. */
export function callbackProblems(settings: ResolvedSettings): SettingsProblem[] {
  const { callback } = settings;
  if (callback === undefined) return [];
  const { url, urls, headers, bodies }: Partial<CallbackSettings> = callback;
  const isFromMessage = (name: string) =>
    isMessageVariable(name) || name === 'callbackUrl' || resultNames.includes(name);
  const texts = Object.values(headers ?? {});
  const isHeaderVariable = (name: string) => isSentSecret(name, settings) || keptPlace(name) !== undefined;
  return [
    ...unmet([(url === undefined) !== (urls === undefined), ['callback'], 'must have either url or urls']),
    ...(url === undefined ? [] : urlProblems(url, settings)),
    ...templateProblems(['callback', 'headers'], texts, settings, isHeaderVariable),
    ...(urls !== undefined && texts.flatMap(variablesIn).length > 0
      ? [{ path: ['callback', 'headers'], message: 'may hold a secret or a kept header only beside url' }]
      : inboundProblems(['callback', 'headers'], texts, settings)),
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

/** Returns whether a variable of a header is a secret, or the token of a platform that has one. */
export function isSentSecret(name: string, { oauth }: ResolvedSettings): boolean {
  return secretVariable(name) !== undefined || (name === 'token' && oauth !== undefined);
}

/** Returns the names of the secrets that authenticate the sender. None of them may be sent to anyone. */
export function inboundSecrets({ proofs }: ResolvedSettings): readonly string[] {
  return proofs.flatMap(proof => ('secret' in proof ? (proof.secret ?? []) : []));
}

/** A secret of the sender proves the sender only. */
export function inboundProblems(
  path: readonly string[],
  texts: readonly string[],
  settings: ResolvedSettings,
): SettingsProblem[] {
  const sent = texts.flatMap(variablesIn).flatMap(name => secretVariable(name) ?? []);
  const isInbound = sent.some(name => inboundSecrets(settings).includes(name));
  return unmet([!isInbound, path, 'must not hold a secret of authentication']);
}
