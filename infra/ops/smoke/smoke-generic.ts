import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { parseSigningKeys, signedHeaders } from '../../../lambda/authentication/signed-body.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { type GenericSettings, genericSettings } from '../../../lambda/platforms/generic/request.ts';
import { type InventedPerson, json, type SmokeRequest } from './smoke-request.ts';

/** For a generic platform: a request in its format with the test flag, which stores and deletes nothing. */
export function genericSmokeRequest(section: unknown, { uuid, name }: InventedPerson): SmokeRequest {
  const settings = v.parse(genericSettings, section);
  const body = JSON.stringify(buildBody(settings, name));
  return {
    sends: `an erasure with the test flag, authenticated by ${settings.scheme}; nothing is stored`,
    body,
    headers: (text, now) => ({
      ...json,
      ...authenticate[settings.scheme](text, { settings, body, now, id: `try_${uuid}` }),
    }),
    refusedWith: 401,
    judge: ({ status, body: answer }) =>
      status === 200 && v.is(isTest, parseJson(answer)?.value)
        ? 'the secret is accepted; nothing was stored'
        : undefined,
  };
}

const isTest = v.object({ status: v.literal('test') });

interface Message {
  readonly settings: GenericSettings;
  readonly body: string;
  readonly now: number;
  readonly id: string;
}

const authenticate: Readonly<
  Record<GenericSettings['scheme'], (text: string, message: Message) => Record<string, string>>
> = {
  'standard-webhooks': (text, { id, body, now }) => signedHeaders(id, body, parseSigningKeys(text), now),
  header: (text, { settings }) => ({ [settings.header]: parseSharedSecret(text).current }),
  basic: text => ({ Authorization: `Basic ${Buffer.from(parseSharedSecret(text).current).toString('base64')}` }),
};

/** Builds a body with every value at the place in the settings. */
function buildBody(settings: GenericSettings, name: string): object {
  const { match, reference, identifiers, test } = settings;
  const body: Tree = {};
  const put = (pointer: string, value: unknown) => putAt(body, pointer, value);
  for (const place of typeof reference === 'string' ? [reference] : reference) put(place, name);
  if (typeof identifiers === 'string') put(identifiers, [{ type: 'source_id', value: name }]);
  else for (const place of Object.keys(identifiers)) put(place, name);
  for (const [place, value] of Object.entries(match)) put(place, value);
  put(test, true);
  return body;
}

interface Tree {
  [key: string]: unknown;
}

/** Puts a value at a JSON pointer (RFC 6901, section 4), creating missing objects. */
function putAt(body: Tree, pointer: string, value: unknown): void {
  const keys = pointer
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'));
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
