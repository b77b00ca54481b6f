import { createHmac } from 'node:crypto';
import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { parseSigningKeys, signedHeaders } from '../../../lambda/authentication/signed-body.ts';
import { holds } from '../../../lambda/platforms/generic/identifiers.ts';
import { headerOfPlace, pointerKeys } from '../../../lambda/platforms/generic/places.ts';
import { compileReplies, type Replies } from '../../../lambda/platforms/generic/replies.ts';
import type { HmacProof, Proof, TimePlace } from '../../../lambda/platforms/generic/schema.ts';
import { type ResolvedSettings, resolveSettings } from '../../../lambda/platforms/generic/schema.ts';
import { type ProofWithSecret, secretText } from '../../../lambda/platforms/generic/secrets.ts';
import { genericSettings } from '../../../lambda/platforms/generic/settings.ts';
import { renderText, templateOf, variablesIn } from '../../../lambda/platforms/generic/template.ts';
import { type InventedPerson, json, type NoSmokeRequest, type SmokeRequest } from './smoke-verdict.ts';

/** For a generic platform: a request in its format that stores nothing if settings allow one, else for an invented person. */
export function genericSmokeRequest(section: unknown, { uuid, name }: InventedPerson): SmokeRequest | NoSmokeRequest {
  const parsed = v.parse(genericSettings, section);
  const settings = resolveSettings(parsed);
  const { body, headers, sends, outcomes } = messageFor(settings, name);
  const storing =
    outcomes === allOutcomes ? 'it costs one look-up per project and stores a receipt' : 'nothing is stored';
  const stored = outcomes === allOutcomes ? 'a receipt was stored' : 'nothing was stored';
  const text = JSON.stringify(body);
  const accepted = outcomes.map(outcome => compileReplies(parsed.answers).describe(outcome).status);
  const by = settings.proofs.map(({ kind }) => kind).join(' and ');
  const signed = (secret: string, now: number, url: string) => {
    const message = { method: 'POST', url, body: text, headers: { ...json, ...headers }, now, id: `try_${uuid}` };
    return signGeneric(message, settings.proofs, secret);
  };
  if (settings.proofs.some(({ kind }) => kind === 'jwt')) {
    const instead = 'Only your identity provider can sign a token, so send the request from the platform itself';
    return { body: text, headers: signed, refusedWith: 401, instead };
  }
  return {
    sends: `${sends}, authenticated by ${by}; ${storing}`,
    body: text,
    headers: signed,
    refusedWith: 401,
    judge: ({ status }) => (accepted.includes(status) ? `the secret is accepted; ${stored}` : undefined),
  };
}

interface SmokeMessage {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly sends: string;
  readonly outcomes: readonly Parameters<Replies['describe']>[0][];
}

const allOutcomes = ['no_match', 'not_identifiable', 'in_progress', 'needs_review'] as const;

/** Chooses the message that does least: a test, then one that is ignored, then an erasure of an invented person. */
function messageFor(settings: ResolvedSettings, name: string): SmokeMessage {
  const harmless = settings.rules.find(rule => rule.do !== 'erase' && Object.keys(rule.when).length > 0);
  const isOtherIgnored = settings.otherwise === 'ignore' && !settings.rules.some(({ when }) => holds(when, () => name));
  if (isOtherIgnored && harmless === undefined) {
    const other = settings.rules.flatMap(({ when }) => Object.keys(when)).map(place => [place, name] as const);
    return { ...built(settings, other), sends: 'a message that is ignored', outcomes: ['ignored'] };
  }
  const erase = settings.rules.find(rule => rule.do === 'erase');
  if (settings.test === undefined && harmless !== undefined) {
    const key = harmless.do === 'test' ? 'test' : 'ignored';
    return {
      ...built(settings, valuesOf(harmless.when)),
      sends: harmless.do === 'test' ? 'a test message' : 'a message that is ignored',
      outcomes: [key],
    };
  }
  const erasure = [...placesOf(settings, name), ...valuesOf(erase?.when ?? {})];
  if (settings.test === undefined) {
    const sends = 'an erasure of an invented person';
    return { ...built(settings, erasure), sends, outcomes: allOutcomes };
  }
  const sends = 'an erasure with the test flag';
  return { ...built(settings, [...erasure, [settings.test, true]]), sends, outcomes: ['test'] };
}

type Values = readonly (readonly [string, unknown])[];

/** The first value of each condition. */
function valuesOf(when: Readonly<Record<string, unknown>>): Values {
  return Object.entries(when).map(([place, value]) => [place, [value].flat()[0] ?? undefined] as const);
}

/** An invented value at every place that must hold one. Never a customer id: an unknown one could be deleted permanently. */
function placesOf(settings: ResolvedSettings, name: string): Values {
  const { callback } = settings;
  const inUrl = [...(callback?.url ?? '').matchAll(/\{(\/[^}]*|header:[^}]+)\}/g)];
  return [
    ...inUrl.map(([, place]) => [place ?? '', name] as const),
    ...[settings.reference].flat().map(place => [place, name] as const),
    ...settings.identifiers.flatMap(source => identifierValues(source, name)),
    ...[settings.submittedAt, settings.dueAt].flatMap(timeValue),
    ...[...JSON.stringify(callback?.headers ?? {}).matchAll(/\{kept:(header:[^}]+)\}/g)].map(
      ([, place]) => [place ?? '', name] as const,
    ),
  ];
}

/** Some time in 2017: it may be the only difference between two messages. */
function timeValue(time: TimePlace | undefined): Values {
  if (time === undefined) return [];
  const { at, unit } = time;
  const values: Readonly<Record<string, unknown>> = {
    s: 1_500_000_000,
    ms: 1_500_000_000_000,
    local: '2017-07-14T02:40:00',
  };
  return [[at, values[unit] ?? '2017-07-14T02:40:00Z']];
}

function identifierValues(source: ResolvedSettings['identifiers'][number], name: string): Values {
  if (!('list' in source && 'value' in source)) {
    return Object.entries(source).map(([place, kind]) => [place, valueOfKind(String(kind), name)] as const);
  }
  const entry: Tree = {};
  const kinds = Object.entries('kinds' in source ? source.kinds : { '': source.kind });
  const [type, kind] = kinds.find(([, one]) => one === 'source_id') ?? kinds[0] ?? ['', 'source_id'];
  putAt(entry, source.value, valueOfKind(String(kind), name));
  if ('type' in source) putAt(entry, source.type, type);
  for (const [place, value] of valuesOf('only' in source && typeof source.only === 'object' ? source.only : {}))
    putAt(entry, place, value);
  return [[source.list, [source.value === '' ? valueOfKind(String(kind), name) : entry]]];
}

function valueOfKind(kind: string, name: string): string {
  return kind === 'email' ? `${name}@example.invalid` : name;
}

/** Puts the values where settings read them: into headers, the whole body, or the only entry of the list of orders. */
function built(settings: ResolvedSettings, values: Values): Pick<SmokeMessage, 'body' | 'headers'> {
  const [body, entry]: [Tree, Tree] = [{}, {}];
  const headers: Record<string, string> = {};
  for (const [place, value] of values) {
    const header = headerOfPlace(place);
    if (header !== undefined) headers[header] = String(value ?? '');
    else if (place.startsWith('message:')) putAt(body, place.slice('message:'.length), value);
    else putAt(entry, place, value);
  }
  if (settings.each === undefined) return { body: { ...body, ...entry }, headers };
  if (settings.each === '') return { body: [entry], headers };
  putAt(body, settings.each, [entry]);
  return { body, headers };
}

interface Tree {
  [key: string]: unknown;
}

/** Puts a value at a JSON pointer (RFC 6901, section 4), creating missing objects. */
function putAt(body: Tree, pointer: string, value: unknown): void {
  const keys = [...pointerKeys(pointer)];
  const last = keys.pop();
  let parent = body;
  for (const key of keys) parent = childOf(parent, key);
  if (last !== undefined) parent[last] = value;
}

function childOf(parent: Tree, key: string): Tree {
  const existing = parent[key];
  if (isTree(existing)) return existing;
  const made: Tree = {};
  parent[key] = made;
  return made;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null;
}

interface UnsignedMessage {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly now: number;
  readonly id: string;
}

/** Returns the headers of a message as a sender with this secret sends it: every authentication of the settings is added. */
function signGeneric(
  message: UnsignedMessage,
  proofs: readonly Proof[],
  secret: string,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { ...message.headers };
  for (const proof of proofs) Object.assign(headers, headersOf(proof, { ...message, headers }, secret));
  return headers;
}

function headersOf(proof: Proof, message: UnsignedMessage, text: string): Readonly<Record<string, string>> {
  // Only the issuer can sign a token.
  if (proof.kind === 'jwt') return {};
  const own = ownSecret(text, proof);
  if (proof.kind === 'standard-webhooks') {
    return signedHeaders(message.id, message.body, parseSigningKeys(own), message.now);
  }
  const { current } = parseSharedSecret(own);
  if (proof.kind === 'basic') return { Authorization: `Basic ${Buffer.from(current).toString('base64')}` };
  return proof.kind === 'header' ? { [proof.header]: current } : hmacHeaders(proof, message, current);
}

/** Returns the secret of an authentication. An invented secret, which must be rejected, has no names. */
function ownSecret(text: string, proof: ProofWithSecret): string {
  const named = secretText(text, proof);
  return named === '{}' ? text : named;
}

function hmacHeaders(proof: HmacProof, message: UnsignedMessage, current: string): Readonly<Record<string, string>> {
  const { timestamp: { from, unit } = { from: 'value', unit: 's' as const }, key } = proof;
  const timestamp = timeText(unit, message.now);
  const given = new Map(Object.entries(message.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const time = from === 'value' ? {} : { [headerOfPlace(from) ?? '']: timestamp };
  // A signed header that nothing else fills is the id of the message.
  const unfilled = variablesIn(proof.signs).flatMap(name => headerOfPlace(name) ?? []);
  const ids = unfilled.filter(name => !given.has(name)).map(name => [name, message.id] as const);
  const sent: Readonly<Record<string, string>> = { ...Object.fromEntries(ids), ...time };
  const headers = [...given, ...Object.entries(sent)];
  const values: Readonly<Record<string, string>> = {
    ...Object.fromEntries(headers.map(([name, value]) => [`header:${name}`, value])),
    ...{ body: message.body, method: message.method, url: message.url, timestamp },
  };
  const signed = renderText(
    templateOf(proof.signs),
    name => values[name.startsWith('header:') ? name.toLowerCase() : name],
  );
  const bytes = key === 'text' ? Buffer.from(current) : Buffer.from(current, key);
  const signature = createHmac(proof.hash, bytes)
    .update(signed ?? '')
    .digest(proof.encoding);
  const form: Readonly<Record<string, string>> = { signature, timestamp };
  return { ...sent, [proof.header]: renderText(templateOf(proof.value), name => form[name]) ?? '' };
}

function timeText(unit: 's' | 'ms' | 'rfc3339', now: number): string {
  if (unit === 'rfc3339') return new Date(now).toISOString();
  return String(unit === 's' ? Math.floor(now / 1000) : now);
}
