import { signedHeaders } from '../../authentication/signed-body.ts';
import type { CallbackTarget } from '../../domain/erasure.ts';
import type { CallbackRequest, Platform } from '../platform.ts';
import { compileUrl } from './callback-url.ts';
import { type CallbacksOf, referenceOf } from './orders.ts';
import { invalidAt, type Message, optionalText, placeText, valueAtPlace } from './places.ts';
import { areDistinct, type OutcomeWord, resultBody, resultVariables, valueFor, wordOf } from './replies.ts';
import type { CallbackSettings, ResolvedSettings } from './schema.ts';
import type { CallHeaders } from './secrets.ts';
import { callbackKeys } from './secrets.ts';
import { type BodyTemplate, bodyText, compileBody, placeOf, variablesIn } from './template.ts';

/** The callbacks of a platform, with its templates parsed. */
export interface Callbacks extends Pick<Platform, 'buildCallbacks'> {
  /** Returns the targets of an order with the values that their bodies need. Throws `invalid` for unusable ones. */
  readonly targetsOf: CallbacksOf;
}

/** Parses the callback in settings. */
export function compileCallbacks(
  callback: CallbackSettings,
  settings: ResolvedSettings,
  calls: CallHeaders,
): Callbacks {
  const { method, delivered: alsoDelivered, refused: alsoRefused, bodies, sign } = callback;
  const templates: { readonly [word in OutcomeWord]?: BodyTemplate } = Object.fromEntries(
    Object.entries(bodies ?? {}).map(([word, body]) => [word, compileBody(body)]),
  );
  const urlsOf = callback.url === undefined ? urlsAt(callback.urls ?? '') : renderedUrl(callback.url, settings);
  const stored = [...calls.names, ...variablesIn(bodies)];
  return {
    targetsOf: message => {
      const values = valuesOf(stored, message);
      const kept = Object.keys(values).length === 0 ? {} : { values };
      return urlsOf(message).map(url => ({ url, headers: {}, ...kept }));
    },
    buildCallbacks: async (notice, context) => {
      const template = bodies === undefined ? () => resultBody(notice) : valueFor(templates, wordOf(notice.outcome));
      // The settings have no body for this outcome.
      if (template === undefined) return [];
      const keys = sign === undefined ? undefined : callbackKeys(await context.secret(), settings.proofs);
      const own = resultVariables(notice);
      const request = async ({ url, values = {} }: CallbackTarget): Promise<CallbackRequest> => {
        const all: Readonly<Record<string, unknown>> = { ...values, ...own, callbackUrl: url };
        const value = (name: string) => (Object.hasOwn(all, name) ? all[name] : undefined);
        const body = bodyText(template(value));
        const id = `${notice.receiptId}:${wordOf(notice.outcome)}`;
        const signature = keys === undefined ? {} : signedHeaders(id, body, keys, context.now());
        const { headers, ...token } = await calls.render(context, value);
        const sent = { 'Content-Type': 'application/json', ...headers, ...signature };
        return { method, url, headers: sent, body, alsoDelivered, alsoRefused, ...token };
      };
      return Promise.all(notice.callbacks.map(request));
    },
  };
}

/** Returns whether the callback for an outcome differs from the one for a deletion. */
export function callbackTells(word: OutcomeWord, { bodies }: CallbackSettings): boolean {
  if (bodies === undefined) return true;
  const body = valueFor(bodies, word);
  return body !== undefined && areDistinct(body, bodies.erased);
}

type UrlsOf = (message: Message) => readonly string[];

function renderedUrl(url: string, { reference }: ResolvedSettings): UrlsOf {
  const render = compileUrl(url);
  return message => {
    const rendered = render(name =>
      name === 'reference' ? referenceOf(message, reference) : valueAtPlace(name, message),
    );
    if (rendered !== undefined) return [rendered];
    throw invalidAt(variablesIn(url)[0] ?? 'callback', 'cannot be part of the callback URL');
  };
}

/** One URL of the message or a list of them. Their origins are checked when it is accepted and when they are called. */
function urlsAt(place: string): UrlsOf {
  return message => {
    const value = valueAtPlace(place, message);
    if (!Array.isArray(value)) return [optionalText(place, message) ?? []].flat();
    return value.flatMap(one => placeText(one, place) ?? []);
  };
}

/** Largest size of the values that are stored with a callback, in bytes of JSON. */
const maxStoredBytes = 4096;

/** A header of a callback must be there and printable; a value of a body may be absent. */
function valuesOf(variables: readonly string[], message: Message): NonNullable<CallbackTarget['values']> {
  const values = variables.flatMap(name => {
    const place = placeOf(name);
    if (place === undefined) return [];
    const value = valueAtPlace(place, message);
    if (name !== place && !/^[\x20-\x7e]+$/.test(typeof value === 'string' ? value : ''))
      throw invalidAt(place, 'is missing');
    if (typeof value === 'bigint') return [[name, String(value)] as const];
    const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return isScalar ? [[name, value] as const] : [];
  });
  const all = Object.fromEntries(values);
  if (Buffer.byteLength(JSON.stringify(all)) <= maxStoredBytes) return all;
  throw invalidAt('callback', `its values are larger than ${maxStoredBytes} bytes`);
}
