import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { openApiDocument } from '../../infra/tools/openapi.ts';
import { signedHeaders } from '../../lambda/authentication/signed-body.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import { createHarness } from '../support/harness.ts';
import { recipeFixture, recipeNames, recipeText } from '../support/recipes.ts';
import { everySetting } from './every-setting.ts';
import { fits, type Schema } from './json-schema.ts';

const keys = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, {}]));
const only = (required: readonly string[], properties: Schema): Schema => ({
  type: 'object',
  required,
  properties,
  additionalProperties: false,
});
const map = (schema: Schema, pattern = '.'): Schema => ({
  type: 'object',
  propertyNames: { pattern },
  additionalProperties: schema,
});
const text = { type: 'string', minLength: 1 };
const content = map(only(['schema'], { schema: { type: 'object' } }), '^application/json$');
const operation = only(['operationId', 'responses', 'security'], {
  ...{ operationId: text, summary: text, tags: { type: 'array', items: text } },
  security: { type: 'array', items: map({ type: 'array' }), minItems: 1 },
  parameters: {
    type: 'array',
    items: only(['name', 'in', 'required', 'schema'], {
      ...keys(['name', 'schema']),
      in: { const: 'path' },
      required: { const: true },
    }),
  },
  requestBody: only(['content'], { content, required: { type: 'boolean' } }),
  responses: map(only(['description'], { description: text, content }), '^([1-5][0-9]{2}|[1-5]XX)$'),
});
const scheme: Schema = {
  anyOf: [
    only(['type', 'in', 'name'], { type: { const: 'apiKey' }, in: { const: 'header' }, name: text, description: text }),
    only(['type', 'scheme'], { type: { const: 'http' }, scheme: { enum: ['basic', 'bearer'] }, bearerFormat: text }),
  ],
};

/** What the OpenAPI Specification 3.1.1 (section 4.8) demands of the objects that the document has, and no other keys. */
const openApi = only(['openapi', 'info', 'paths'], {
  openapi: { pattern: '^3\\.1\\.\\d+$', type: 'string' },
  info: only(['title', 'version'], {
    ...{ title: text, version: text, description: text },
    license: only(['name'], keys(['name', 'identifier'])),
  }),
  servers: { type: 'array', items: only(['url'], { url: text, description: text }) },
  paths: map(only([], { get: operation, post: operation, delete: operation }), '^/'),
  components: only([], {
    schemas: map({ type: 'object' }, '^[A-Za-z0-9._-]+$'),
    securitySchemes: map(scheme, '^[A-Za-z0-9._-]+$'),
  }),
});

const recipes = recipeNames.map(name => JSON.parse(recipeText(name)) as Settings);
const sections: Record<string, unknown> = Object.assign(
  {},
  ...recipes.map(({ platforms }) => platforms),
  everySetting.platforms,
  { form: { type: 'generic', authentication: { kind: 'standard-webhooks' } } },
);
const settings = parseSettings(JSON.stringify({ ...everySetting, platforms: sections }), 'deployed');
const document = openApiDocument(settings);

/** Whether a value fits a schema of the document. */
function fitsDocument(value: unknown, schema: Schema): boolean {
  const root = { definitions: document.components.schemas };
  const moved = (one: object) => JSON.parse(JSON.stringify(one).replaceAll('#/components/schemas/', '#/definitions/'));
  return fits(value, moved(schema) as Schema, moved(root) as Schema);
}

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly responses: Readonly<
    Record<string, { readonly content: { readonly 'application/json': { schema: Schema } } }>
  >;
}
const routes = document.paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const responseFor = (name: string, status: number) => {
  const { responses } = routes[`/webhooks/${name}`]!['post']!;
  return responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
};

describe('description of the routes', () => {
  test('document: is OpenAPI 3.1, and every reference and name in it leads somewhere', () => {
    expect(fits(document, openApi)).toBe(true);
    const operations = Object.values(routes).flatMap(route => Object.values(route));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const schemes = Object.keys(document.components.securitySchemes);
    for (const { security } of operations) {
      const named = security.flatMap(one => Object.keys(one));
      expect(named.length).toBeGreaterThan(0);
      expect(schemes).toEqual(expect.arrayContaining(named));
    }
    for (const [, name = ''] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(document.components.schemas).toHaveProperty(name);
    }
  });

  test('routes: are those of the platforms in the settings', () => {
    const called = [...openPlatforms(settings.platforms)].filter(([, { isPullOnly }]) => isPullOnly !== true);
    const expected = called.flatMap(([name, { hasStatusRoute }]) => [
      `/webhooks/${name}`,
      ...(hasStatusRoute === true ? [`/webhooks/${name}/{requestId}`] : []),
    ]);
    expect(Object.keys(routes).toSorted()).toEqual(expected.toSorted());
    for (const [name, { hasWithdrawalRoute }] of called) {
      const methods = Object.keys(routes[`/webhooks/${name}/{requestId}`] ?? {});
      expect([name, methods.includes('delete')]).toEqual([name, hasWithdrawalRoute === true]);
    }
  });

  test.each(recipeNames)('recipe %s: the statuses of its replies are described', name => {
    const { reply, other, config } = recipeFixture(name);
    for (const { status } of [reply, other.reply]) expect(responseFor(config.platform, status)).toBeDefined();
  });

  const valid = { type: 'erasure', request_id: 'request-1', identifiers: [{ type: 'source_id', value: 'crm-10042' }] };
  test.each<[string, unknown, boolean]>([
    ['all', { ...valid, submitted_at: '2026-01-01T00:00:00Z', due_at: '2027-01-01T00:00:00Z', test: false }, true],
    ['test', { ...valid, test: true }, true],
    ['nobody', { ...valid, identifiers: [{ type: 'email', value: 'nobody@example.com' }] }, true],
    ['unknown field', { ...valid, more: 1 }, true],
    ['another type', { ...valid, type: 'access' }, false],
    ['e-mail address as id', { ...valid, request_id: 'ada@example.com' }, false],
    ['no id', { ...valid, request_id: undefined }, false],
    ['no identifiers', { ...valid, identifiers: undefined }, false],
    ['no object', [valid], false],
    ['test that is no boolean', { ...valid, test: 'perhaps' }, false],
  ])('own body with %s: description and service agree, and the reply is as described', async (_, body, isValid) => {
    const harness = createHarness({ platforms: { form: sections['form'] } });
    const raw = JSON.stringify(body);
    const key = Buffer.alloc(32, 7);
    harness.secrets['erasure/platform/form'] = JSON.stringify({ current: `whsec_${key.toString('base64')}` });
    const headers = {
      'Content-Type': 'application/json',
      ...signedHeaders('msg_1', raw, { current: key }, harness.clock.now),
    };
    const { status, json } = await harness.send({ path: '/webhooks/form', headers, body: raw });
    expect(fitsDocument(body, { $ref: '#/components/schemas/Erasure' })).toBe(isValid);
    expect(status < 300).toBe(isValid);
    expect(fitsDocument(json, responseFor('form', status)!.content['application/json'].schema)).toBe(true);
  });
});

describe('npm run openapi', () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['infra/tools/openapi.ts', ...args], { encoding: 'utf8' });

  test('settings in a file: their description is printed', () => {
    const { status, stdout } = run('--settings', 'docs/platforms/recipes/osano.json');
    expect(status).toBe(0);
    expect(Object.keys((JSON.parse(stdout) as { paths: object }).paths)[0]).toBe('/webhooks/osano');
    expect(JSON.parse(run().stdout)).toHaveProperty(['paths', '/webhooks/ketch']);
  });

  test('file that is missing: is one line and exit code 1', () => {
    const { status, stdout, stderr } = run('--settings', 'missing.json');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]*missing\.json[^\n]*\n$/);
  });
});
