import { signedHeaders } from '../../authentication/signed-body.ts';
import type { CallbackTarget } from '../../domain/erasure.ts';
import type { CallbackNotice, CallbackRequest, CallContext } from '../platform.ts';

import { literalPrefix, renderUrl } from './callback-url.ts';
import { type CallHeaders, compileHeaders, type PlatformToken } from './headers.ts';
import { invalidAt, type Message, optionalText, placeText, valueAtPlace } from './places.ts';
import { referenceOf } from './request.ts';
import type { ResolvedSettings } from './resolve.ts';
import { type OutcomeWord, resultBody, resultVariables, valueFor, wordOf } from './result.ts';
import type { CallbackSettings } from './schema.ts';
import { callbackKeys } from './secrets.ts';
import { bodyText, compileBody, isMessageVariable, keptPlace, templateOf, textsIn, variablesOf } from './template.ts';

/** The callbacks of a platform, with its templates parsed. */
export interface Callbacks {
  /** Returns the targets of an order with the values that their bodies need. Throws `invalid` for unusable ones. */
  targetsOf(message: Message): readonly CallbackTarget[];
  build(notice: CallbackNotice, context: CallContext): Promise<readonly CallbackRequest[]>;
  /** The names of the secrets that its headers hold. */
  readonly secrets: readonly string[];
  readonly needsSecret: boolean;
  readonly isAlways: boolean;
  /** Whether the callback for an erasure without a usable identifier differs from the one for a deletion. */
  readonly tells: (word: OutcomeWord) => boolean;
}

/** Largest size of the values that are stored with a callback, in bytes of JSON. */
const maxStoredBytes = 4096;

/** Parses the callback in settings. Without one, there are no targets. */
export function compileCallbacks(settings: ResolvedSettings, token: PlatformToken | undefined): Callbacks {
  const callback: Partial<CallbackSettings> = settings.callback ?? {};
  const headers = compileHeaders(callback.headers, token);
  const stored = storedPlaces(callback, headers.names);
  return {
    targetsOf: targets(callback, stored, settings),
    build: builder(callback, headers, settings, token?.drop),
    secrets: headers.secrets,
    needsSecret: callback.sign !== undefined || headers.secrets.length > 0,
    isAlways: callback.when === 'always',
    tells: word => tells(word, callback),
  };
}

function tells(word: OutcomeWord, { bodies }: Partial<CallbackSettings>): boolean {
  if (bodies === undefined) return true;
  const body = valueFor(bodies, word);
  return body !== undefined && JSON.stringify(body) !== JSON.stringify(bodies.erased);
}

/** Returns the places whose values the callback holds, by the variable that stands for them. */
function storedPlaces(
  { bodies }: Partial<CallbackSettings>,
  inHeaders: readonly string[],
): ReadonlyMap<string, string> {
  const inBodies = textsIn(bodies)
    .flatMap(text => variablesOf(templateOf(text)))
    .filter(isMessageVariable);
  const kept = inHeaders.flatMap(name => {
    const place = keptPlace(name);
    return place === undefined ? [] : [[name, place] as const];
  });
  return new Map([...inBodies.map(name => [name, name] as const), ...kept]);
}

function targets(
  callback: Partial<CallbackSettings>,
  stored: ReadonlyMap<string, string>,
  { reference }: ResolvedSettings,
): Callbacks['targetsOf'] {
  const url = callback.url === undefined ? undefined : templateOf(callback.url);
  const prefix = literalPrefix(callback.url ?? '');
  return message => {
    const values = valuesAt(stored, message);
    const target = (to: string) => ({ url: to, headers: {}, ...(Object.keys(values).length === 0 ? {} : { values }) });
    if (url === undefined) return callback.urls === undefined ? [] : urlsAt(callback.urls, message).map(target);
    const variable = (name: string) =>
      name === 'reference' ? referenceOf(message, reference) : valueAtPlace(name, message);
    const rendered = renderUrl(url, prefix, variable);
    if (rendered === undefined)
      throw invalidAt(variablesOf(url)[0] ?? 'callback', 'cannot be part of the callback URL');
    return [target(rendered)];
  };
}

/** Returns one URL or a list of them. Their origins are checked when the request is accepted and again when sent. */
function urlsAt(place: string, message: Message): readonly string[] {
  const value = valueAtPlace(place, message);
  if (!Array.isArray(value)) return [optionalText(place, message) ?? []].flat();
  return value.flatMap(url => placeText(url, place) ?? []);
}

/** A header of a callback must be there and printable; a value of a body may be absent. */
function valuesAt(
  stored: ReadonlyMap<string, string>,
  message: Message,
): Readonly<Record<string, string | number | boolean>> {
  const values: Record<string, string | number | boolean> = {};
  for (const [variable, place] of stored) {
    const value = valueAtPlace(place, message);
    if (keptPlace(variable) !== undefined && !/^[\x20-\x7e]+$/.test(typeof value === 'string' ? value : '')) {
      throw invalidAt(place, 'is missing');
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values[variable] = value;
    if (typeof value === 'bigint') values[variable] = String(value);
  }
  if (Buffer.byteLength(JSON.stringify(values)) <= maxStoredBytes) return values;
  throw invalidAt('callback', `its values are larger than ${maxStoredBytes} bytes`);
}

function builder(
  callback: Partial<CallbackSettings>,
  headers: CallHeaders,
  { proofs }: ResolvedSettings,
  dropToken: (() => void) | undefined,
): Callbacks['build'] {
  const { method = 'POST', delivered: alsoDelivered = [], refused: alsoRefused = [], bodies, sign } = callback;
  const templates: { readonly [word in OutcomeWord]?: ReturnType<typeof compileBody> } = Object.fromEntries(
    Object.entries(bodies ?? {}).map(([word, body]) => [word, compileBody(body)]),
  );
  return async (notice, context) => {
    const template = bodies === undefined ? () => resultBody(notice) : valueFor(templates, wordOf(notice.outcome));
    // The settings have nothing to tell for this outcome.
    if (template === undefined) return [];
    const keys = sign === undefined ? undefined : callbackKeys(await context.secret(), proofs);
    const own = resultVariables(notice);
    const request = async ({ url, values = {} }: CallbackTarget): Promise<CallbackRequest> => {
      const all: Readonly<Record<string, unknown>> = { ...values, ...own, callbackUrl: url };
      const value = (name: string) => (Object.hasOwn(all, name) ? all[name] : undefined);
      const body = bodyText(template(value));
      const id = `${notice.receiptId}:${wordOf(notice.outcome)}`;
      const signature = keys === undefined ? {} : signedHeaders(id, body, keys, context.now());
      const rendered = { 'Content-Type': 'application/json', ...(await headers.render(context, value)), ...signature };
      const call = { method, url, headers: rendered, body, alsoDelivered, alsoRefused };
      return dropToken === undefined ? call : { ...call, dropToken };
    };
    return Promise.all(notice.callbacks.map(request));
  };
}
