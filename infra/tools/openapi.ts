import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { compileReplies } from '../../lambda/platforms/generic/replies.ts';
import type { GenericSettings, Proof } from '../../lambda/platforms/generic/schema.ts';
import { resolveSettings } from '../../lambda/platforms/generic/schema.ts';
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { isGeneric, openPlatforms } from '../../lambda/platforms/index.ts';
import type { Platform } from '../../lambda/platforms/platform.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { runTool } from './run-tool.ts';

const help = `Prints a description (OpenAPI 3.1, JSON) of the routes that the settings enable.

  npm run --silent openapi > openapi.json

  --settings FILE   the settings (infra/settings.json)
`;

/** What is documented of a platform: how it authenticates, what it sends, and the statuses of its replies. */
interface Documented {
  readonly proofs: readonly Proof['kind'][];
  readonly header?: string;
  readonly request: JsonSchema;
  /** Schema of the reply by status. */
  readonly replies: Readonly<Record<string, JsonSchema>>;
  readonly error: JsonSchema;
}

/**
 * Returns the description of all routes that the settings enable (OpenAPI 3.1.1). The bodies of a platform's own protocol
 * are not repeated: its vendor documents them.
 */
export function openApiDocument(settings: Settings) {
  const platforms = [...openPlatforms(settings.platforms)].filter(([, { isPullOnly }]) => isPullOnly !== true);
  const all = platforms.map(([name, platform]) => routesOf(name, platform, settings.platforms[name]));
  return {
    openapi: '3.1.1',
    info: {
      title: 'Voucherify erasure webhook',
      version: packageJson.version,
      description: 'Erases a person from Voucherify when a privacy platform requests it.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [
      { url: 'http://127.0.0.1:3000', description: 'A local run. Of a deployment: WebhookUrl without webhooks/.' },
    ],
    paths: Object.assign({}, ...all.map(({ paths }) => paths)),
    components: { schemas: ownSchemas, securitySchemes: Object.assign({}, ...all.map(({ schemes }) => schemes)) },
  };
}

function routesOf(name: string, platform: Platform, section: unknown) {
  const documented = documentedOf(name, section);
  const schemes = schemesOf(name, documented);
  const common = { tags: [name], security: [Object.fromEntries(Object.keys(schemes).map(scheme => [scheme, []]))] };
  const responses = responsesOf(documented);
  const post = {
    operationId: `${name}-erase`,
    summary: platform.responseMode === 'result' ? 'Erases a person' : 'Accepts an erasure',
    ...common,
    requestBody: { required: true, content: { 'application/json': { schema: documented.request } } },
    responses,
  };
  const get = {
    operationId: `${name}-status`,
    summary: 'Returns the outcome of an erasure',
    ...common,
    parameters: [{ name: 'requestId', in: 'path', required: true, schema: { type: 'string', maxLength: 128 } }],
    responses,
  };
  const withdrawal = {
    ...get,
    operationId: `${name}-withdraw`,
    summary: 'Withdraws an erasure, if no customer is stored for deletion yet',
  };
  const one = {
    ...(platform.hasStatusRoute === true && { get }),
    ...(platform.hasWithdrawalRoute === true && { delete: withdrawal }),
  };
  const status = Object.keys(one).length > 0 ? { [`/webhooks/${name}/{requestId}`]: one } : {};
  return { schemes, paths: { [`/webhooks/${name}`]: { post }, ...status } };
}

function documentedOf(name: string, section: unknown): Documented {
  if (isGeneric(section) || name === 'generic') return documentedGeneric(v.parse(genericSettings, section));
  // Headers of the vendors; a platform that is not listed here is documented by its page alone.
  const headers: Readonly<Record<string, string>> = {
    ketch: 'Authorization',
    transcend: 'x-sombra-token',
    segment: 'X-Signature',
    shopify: 'X-Shopify-Hmac-SHA256',
  };
  const header = v.is(v.object({ header: v.string() }), section) && name === 'ketch' ? section.header : headers[name];
  const request = { description: `See docs/platforms/${name}.md.` };
  return {
    proofs: ['header'],
    ...(header === undefined ? {} : { header }),
    request,
    replies: { '2XX': {} },
    error: {},
  };
}

function documentedGeneric(section: GenericSettings): Documented {
  const { proofs } = resolveSettings(section);
  const { rules, identifiers, reference, each, answers, statusAnswers, withdrawAnswers } = section;
  const isOwnBody = [rules, identifiers, reference, each].every(one => one === undefined);
  const outcomes = [
    'erased',
    'no_match',
    'created_later',
    'not_identifiable',
    'refused',
    'in_progress',
    'needs_review',
  ] as const;
  const replies = [answers, statusAnswers, withdrawAnswers ?? answers].flatMap(one => {
    const compiled = compileReplies(one);
    return [...outcomes, ...(one === answers ? (['ignored', 'test'] as const) : [])].map(key => compiled.describe(key));
  });
  const header = proofs.flatMap(proof => ('header' in proof ? [proof.header] : []))[0];
  return {
    proofs: proofs.map(({ kind }) => kind),
    ...(header === undefined ? {} : { header }),
    request: isOwnBody ? erasureBodyRef : { description: 'The body that settings describe.' },
    replies: Object.fromEntries(
      replies.map(({ status }) => [
        String(status),
        replies.every(reply => reply.status !== status || reply.isDefault) && each === undefined ? resultBodyRef : {},
      ]),
    ),
    error: errorBodyRef,
  };
}

function responsesOf({ replies, error }: Documented) {
  const content = (schema: JsonSchema) => ({ 'application/json': { schema } });
  return {
    ...Object.fromEntries(
      Object.entries(replies).map(([status, schema]) => [
        status,
        { description: 'The outcome, or that the erasure is in progress.', content: content(schema) },
      ]),
    ),
    '4XX': { description: 'The request is refused: do not repeat it unchanged.', content: content(error) },
    '5XX': {
      description: 'Nothing was lost: send the request again, after the time in Retry-After.',
      content: content(error),
    },
  };
}

/** Returns a scheme for each proof. A signature is a value in a header for OpenAPI, which has no word for it. */
function schemesOf(name: string, { proofs, header }: Documented): Readonly<Record<string, object>> {
  const docs = `See docs/platforms/${name}.md.`;
  const schemes = proofs.map(kind => {
    if (kind === 'basic') return [`${name}-basic`, { type: 'http', scheme: 'basic' }] as const;
    if (kind === 'jwt') return [`${name}-token`, { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }] as const;
    const inHeader = kind === 'standard-webhooks' ? 'webhook-signature' : (header ?? 'Authorization');
    const description = kind === 'standard-webhooks' ? 'Standard Webhooks 1.0' : docs;
    return [`${name}-${kind}`, { type: 'apiKey', in: 'header', name: inHeader, description }] as const;
  });
  return Object.fromEntries(schemes);
}

export type JsonSchema = Readonly<Record<string, unknown>>;

const reference = { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' };
const time = { type: 'string', format: 'date-time' };

/** The schemas of the bodies that this service defines itself (docs/platforms/generic.md). */
export const ownSchemas = {
  Erasure: {
    type: 'object',
    required: ['type', 'request_id', 'identifiers'],
    properties: {
      type: { const: 'erasure' },
      request_id: { ...reference, description: 'The same id is the same request.' },
      identifiers: { type: 'array', items: { $ref: '#/components/schemas/Identifier' } },
      submitted_at: { ...time, description: 'A customer who was created later is never deleted.' },
      due_at: time,
      callback_url: { type: 'string', description: 'Its origin must be in callbackOrigins.' },
      test: { type: 'boolean', description: 'Checked like an erasure, and nothing is stored.' },
    },
  },
  Identifier: {
    type: 'object',
    required: ['type', 'value'],
    properties: { type: { enum: ['customer_id', 'source_id', 'email', 'phone'] }, value: { type: 'string' } },
  },
  Result: {
    type: 'object',
    required: ['status', 'final'],
    properties: {
      request_id: reference,
      receipt_id: { type: 'string' },
      status: {
        enum: [
          ...['erased', 'no_match', 'created_later', 'not_identifiable', 'refused'],
          ...['in_progress', 'needs_review', 'test', 'ignored'],
        ],
      },
      final: { type: 'boolean' },
      deletions: { type: 'array', items: { type: 'object', required: ['project'] } },
      completed_at: time,
    },
    additionalProperties: false,
  },
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: { code: { type: 'string' }, message: { type: 'string' } },
        additionalProperties: false,
      },
    },
    additionalProperties: false,
  },
};

export const erasureBodyRef: JsonSchema = { $ref: '#/components/schemas/Erasure' };
export const resultBodyRef: JsonSchema = { $ref: '#/components/schemas/Result' };
export const errorBodyRef: JsonSchema = { $ref: '#/components/schemas/Error' };

if (import.meta.main)
  await runTool(help, { settings: { type: 'string' } }, async ({ settings }) => {
    const file = typeof settings === 'string' ? settings : 'infra/settings.json';
    const document = openApiDocument(parseSettings(readFileSync(file, 'utf8'), 'deployed'));
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    return 0;
  });
