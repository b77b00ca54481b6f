import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Wire } from './event.ts';

interface SentMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody: string;
}

/** A message in the documented form of a platform, and what must follow from it. */
export interface RecipeFixture {
  readonly clock: string;
  readonly confidence: string;
  readonly source: readonly string[];
  readonly config: { readonly platform: string; readonly secret: { readonly current: string } };
  /** Registered before the message is sent; all of them are erased. */
  readonly customers: readonly { readonly source_id: string; readonly email: string }[];
  /** How the platform signs, if it does: `text` holds `{method}`, `{url}`, `{body}` and names of headers. */
  readonly signed?: {
    readonly header: string;
    readonly encoding: 'base64' | 'hex';
    readonly text: string;
    readonly value?: string;
    readonly isBase64Key?: boolean;
  };
  /** Whether Voucherify is down while the message arrives. */
  readonly outage?: boolean;
  readonly submittedAt?: string;
  /** The reference to request the status with. */
  readonly statusOf?: string;
  readonly request: SentMessage;
  readonly reply: { readonly status: number; readonly body?: object };
  readonly callback?: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: object;
  };
  /** A message that erases no person. */
  readonly other: { readonly request: SentMessage; readonly reply: { readonly status: number } };
}

const recipes = new URL('../../docs/platforms/recipes/', import.meta.url);
const fixtures = new URL('../fixtures/recipes/', import.meta.url);

export const allRecipeNames = readdirSync(recipes)
  .map(file => file.replace(/\.json$/, ''))
  .sort();

/** The recipes of platforms that call. */
export const recipeNames = allRecipeNames.filter(name => !name.endsWith('-pull'));

/** The recipes of platforms that are asked. */
export const pullRecipeNames = allRecipeNames.filter(name => name.endsWith('-pull'));

/** What a platform lists, and what must follow from it. */
export interface PullFixture
  extends Pick<RecipeFixture, 'clock' | 'confidence' | 'source' | 'customers' | 'submittedAt'> {
  readonly config: { readonly platform: string; readonly secret: object };
  /** The call for an access token, if the platform gives one. */
  readonly token?: {
    readonly path: string;
    readonly authorization: string;
    readonly form: string;
    readonly reply: object;
  };
  /** The first call for orders. */
  readonly call: {
    readonly method: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  /** A response with one order. */
  readonly page: unknown;
  /** A response after the last order. */
  readonly end: unknown;
  readonly callback: NonNullable<RecipeFixture['callback']>;
  /** A response whose orders erase no person. */
  readonly other: unknown;
}

export function pullFixture(name: string): PullFixture {
  return JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), 'utf8')) as PullFixture;
}

/** Returns a recipe's settings as text. */
export function recipeText(name: string): string {
  return readFileSync(new URL(`${name}.json`, recipes), 'utf8');
}

export function recipeFixture(name: string): RecipeFixture {
  return JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), 'utf8')) as RecipeFixture;
}

/** Returns a message as the platform sends it to an address, signed for it. */
export function recipeWire(fixture: RecipeFixture, message: SentMessage, url: string): Wire {
  const { config, signed } = fixture;
  const wire = { path: `/webhooks/${config.platform}`, headers: message.headers, body: message.rawBody };
  if (signed === undefined) return wire;
  const values: Readonly<Record<string, string>> = { ...message.headers, method: 'POST', url, body: message.rawBody };
  const text = signed.text.replace(/\{([^}]+)\}/g, (_, name: string) => values[name]!);
  const key = signed.isBase64Key
    ? Buffer.from(config.secret.current.replace('whsec_', ''), 'base64')
    : config.secret.current;
  const signature = createHmac('sha256', key).update(text).digest(signed.encoding);
  return { ...wire, headers: { ...wire.headers, [signed.header]: `${signed.value ?? ''}${signature}` } };
}
