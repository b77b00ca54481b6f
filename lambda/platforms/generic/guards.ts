import { identifierPlaces, namesIdentifier } from './identifier-places.ts';
import { headerNameOf, headerOfPlace } from './places.ts';
import { oauthProblems, pullProblems } from './pull-guards.ts';
import type { HmacProof, Proof, ResolvedSettings, TimePlace } from './schema.ts';
import { signatureForm } from './signature-header.ts';
import { headerVariable, parseTemplate, variablesIn } from './template.ts';
import { answerProblems, callbackProblems, type SettingsProblem, unmet } from './template-guards.ts';
import { isZone } from './times.ts';

/** Returns what is wrong with settings whose every value is valid alone. */
export function settingsProblems(settings: ResolvedSettings): readonly SettingsProblem[] {
  return [
    ...(settings.isPullOnly ? [] : proofProblems(settings.proofs)),
    ...pullProblems(settings),
    ...oauthProblems(settings),
    ...messageProblems(settings),
    ...timeProblems('submittedAt', settings.submittedAt),
    ...timeProblems('dueAt', settings.dueAt),
    ...answerProblems(settings),
  ];
}

/** The places of a platform that both calls and is asked are read from a message and from the entries of a list. */
function messageProblems(settings: ResolvedSettings): readonly SettingsProblem[] {
  const problemsOf = (one: ResolvedSettings) => [...placeProblems(one), ...callbackProblems(one)];
  const problems = problemsOf(settings);
  if (problems.length > 0 || settings.pull === undefined) return problems;
  return problemsOf({ ...settings, each: settings.pull.list });
}

function proofProblems(proofs: readonly Proof[]): SettingsProblem[] {
  const problems = proofs.filter(proof => proof.kind === 'hmac').flatMap(hmacProblems);
  const isBodyProved = proofs.some(proof => proof.kind !== 'hmac' || variablesIn(proof.signs).includes('body'));
  const rule = 'signs must contain {body}, unless header, basic or jwt stands beside it';
  return [...problems, ...unmet([isBodyProved, ['authentication'], rule])];
}

function hmacProblems(proof: HmacProof): SettingsProblem[] {
  const { separator, signs, timestamp } = proof;
  const [path, form, signed] = [['authentication'], signatureForm(proof), variablesIn(signs)];
  const isSigned = (name: string) =>
    ['body', 'method', 'url'].includes(name) ||
    headerVariable.test(name) ||
    (name === 'timestamp' && form?.timestamp !== undefined);
  const covers = (from: string) =>
    from === 'value' ? signed.includes('timestamp') : coveredHeaders(signs).includes(headerNameOf(from));
  if (form === undefined) return [{ path, message: separator === undefined ? oneSignature : listOfSignatures }];
  return unmet(
    [parseTemplate(signs) !== undefined && signed.length > 0 && signed.every(isSigned), path, signedVariables],
    [timestamp === undefined || covers(timestamp.from), path, 'signs must contain the time of timestamp'],
  );
}

const oneSignature = 'value must contain {signature} once and no other variable';
const listOfSignatures =
  'value must be a list with {signature} in one part and at most {timestamp} in another, which begins differently';
const signedVariables = 'signs may contain {body}, {method}, {url}, {header:Name}, and {timestamp} if value has it';

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
    return (isSigned || settings.pull !== undefined) && header !== undefined && !covered.includes(header);
  };
  const rule =
    settings.pull === undefined
      ? 'must not be a header that signs does not contain'
      : 'must not be a header: an order that is pulled has none';
  const problems = Object.entries(places).flatMap(([key, list]) =>
    list.some(isUncovered) ? [{ path: [key], message: rule }] : [],
  );
  const isIdentifier = typeof reference === 'string' && namesIdentifier(reference, settings);
  const hashed = 'must not be the place of an identifier: list it to hash it';
  return [...problems, ...unmet([!isIdentifier, ['reference'], hashed])];
}

function standardHeaders({ kind }: Proof): readonly string[] {
  return kind === 'standard-webhooks' ? ['webhook-id', 'webhook-timestamp'] : [];
}

function coveredHeaders(signs: string): readonly string[] {
  return variablesIn(signs).flatMap(name => headerOfPlace(name) ?? []);
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
