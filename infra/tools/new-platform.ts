import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isName } from '../../lambda/domain/names.ts';
import { runTool } from './run-tool.ts';

const help = `Writes the skeleton of a platform with code of its own: it is complete, passes the suite of all platforms, and
is to be changed to the platform's protocol. First see whether settings are enough: docs/platforms/generic.md.

  npm run new-platform -- NAME
`;

function skeletonNames(name: string): SkeletonNames | undefined {
  if (!isName(name) || !/^[a-z]/.test(name)) return undefined;
  const words = name.split('-').map(word => word.charAt(0).toUpperCase() + word.slice(1));
  const joined = words.join('');
  return { name, title: words.join(' '), variable: joined.charAt(0).toLowerCase() + joined.slice(1) };
}

function newFiles(names: SkeletonNames): Readonly<Record<string, string>> {
  const files = {
    [`lambda/platforms/${names.name}.ts`]: platformOf(names),
    [`test/platforms/${names.name}.test.ts`]: testOf(names),
    [`docs/platforms/${names.name}.md`]: pageOf(names),
  };
  const existing = Object.keys(files).find(file => existsSync(file));
  if (existing !== undefined) throw new Error(`${existing} exists already`);
  return files;
}

function changedFiles(names: SkeletonNames): Readonly<Record<string, string>> {
  const { name, title, variable } = names;
  const table = 'lambda/platforms/index.ts';
  const schema = 'infra/settings.schema.json';
  const importLine = `import { ${variable}, ${variable}Settings } from './${name}.ts';\n`;
  const key = name === variable ? name : `'${name}'`;
  return {
    [table]: insertBefore(table, [
      [/^import .* from '\.\/ketch\.ts';$/m, importLine],
      [/^ {2}ketch: entry/m, `  ${key}: entry(${variable}Settings, ${variable}),\n`],
    ]),
    [schema]: insertBefore(schema, [
      [/^ {8}"ketch": \{$/m, sectionOf(names)],
      [/^ {4}"ketch": \{$/m, schemaOf(names)],
    ]),
    ...insertedIn('docs/README.md', /\[any other by settings\]/, `[${title}](platforms/${name}.md), `),
    ...insertedIn(
      'docs/platforms/README.md',
      /^\| \[Your own system\]/m,
      `| [${title}](${name}.md) | code; static header | acknowledgement | TODO | everything |\n`,
    ),
  };
}

function insertedIn(file: string, before: RegExp, text: string): Readonly<Record<string, string>> {
  return { [file]: insertBefore(file, [[before, text]]) };
}

/** Returns the text of a file with each text inserted before the first match of its pattern. */
function insertBefore(file: string, places: readonly (readonly [RegExp, string])[]): string {
  return places.reduce(
    (text, [pattern, inserted]) => {
      const at = text.search(pattern);
      if (at < 0) throw new Error(`${file}: has changed, so the platform cannot be added to it`);
      return text.slice(0, at) + inserted + text.slice(at);
    },
    readFileSync(file, 'utf8'),
  );
}

function next({ name }: SkeletonNames): readonly string[] {
  return [
    'Next:',
    '  npm run format',
    `  npx vitest run test/platforms/${name}.test.ts`,
    '  change code and page to the protocol, and put real messages into',
    `  test/fixtures/${name}/ (test/fixtures/README.md)`,
  ];
}

/** The name of a platform in settings and routes, in text, and in code. */
export interface SkeletonNames {
  readonly name: string;
  readonly title: string;
  readonly variable: string;
}

/** Returns the code of a platform with one secret header, a JSON body and an acknowledgement. */
export function platformOf({ name, title, variable }: SkeletonNames): string {
  return `import * as v from 'valibot';
import { matchSecret, parseSharedSecret } from '../authentication/shared-secret.ts';
import { Failure } from '../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../domain/http.ts';
import { parseStrictJson } from '../io/json.ts';
import {
  type Authentication,
  acknowledgingPlatform,
  commonSettings,
  headerName,
  identityKind,
  mapIdentities,
  type Platform,
  parseBody,
  type VerifyContext,
} from './platform.ts';

/** Settings of ${title}. */
export const ${variable}Settings = v.strictObject({
  projects: commonSettings.projects,
  delaySeconds: commonSettings.delaySeconds,
  /** The header with the secret. */
  header: v.optional(headerName, 'X-Webhook-Secret'),
  /** The kind of identifier that the customer's id is. */
  customer: v.optional(identityKind, 'source_id'),
});
type Settings = v.InferOutput<typeof ${variable}Settings>;

/** Creates the platform ${title}. Source: TODO, the vendor's document and its section. */
export function ${variable}(settings: Settings): Platform {
  return acknowledgingPlatform({
    projects: settings.projects,
    checkSecret: parseSharedSecret,
    verify: (request, context) => verify(request, context, settings.header),
    parse: request => parse(request, settings),
  });
}

/** Authenticates the sender before anything is parsed. Prefer a signature of the raw body (authentication/signed-body.ts). */
async function verify(request: HttpRequest, { secret }: VerifyContext, header: string): Promise<Authentication> {
  const matched = matchSecret(singleHeader(request, header) ?? '', parseSharedSecret(await secret()));
  if (matched === undefined) throw new Failure('unauthorized', \`\${header}: does not match\`);
  return { scheme: 'shared-secret', secret: matched };
}

const erasureMessage = v.object({ id: v.pipe(v.string(), v.nonEmpty()), customer: v.string() });

/** Parses an authenticated message. The same id is the same request. */
function parse(request: HttpRequest, { customer: kind }: Settings) {
  const { id, customer } = parseBody(erasureMessage, parseStrictJson(request.rawBody), 'the contract of ${name}');
  const identities = [{ space: 'customer', format: 'raw', value: customer }];
  const identifiers = mapIdentities(identities, { customer: kind });
  return { erase: [{ reference: id, scope: '', identities, identifiers, callbacks: [] }] };
}
`;
}

/** Returns the test of the skeleton: the suite that every platform passes. */
export function testOf({ name }: SkeletonNames): string {
  return `import { expect } from 'vitest';
import { describePlatform } from './contract.ts';

describePlatform('${name}', {
  section: {},
  secretText: (current, previous) => JSON.stringify({ current, previous }),
  secrets: {
    current: 'invented-current-secret-0001',
    previous: 'invented-previous-secret-001',
    wrong: 'invented-another-secret-0001',
  },
  message: ({ id, sourceId, extra = {} }) => ({
    path: '/webhooks/${name}',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: \`request-\${id}\`, customer: sourceId, ...extra }),
  }),
  sign: (wire, secret) => ({ ...wire, headers: { ...wire.headers, 'X-Webhook-Secret': secret } }),
  headers: ['X-Webhook-Secret'],
  coversBody: false,
  refusedWith: 401,
  anyContentType: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
});
`;
}

/** Returns the operator's page. */
export function pageOf({ name, title }: SkeletonNames): string {
  return `# ${title}

TODO: what is supported, and what is acknowledged without effect.

## In ${title}

TODO: how to create the webhook. Its URL is \`<WebhookUrl>${name}\` (\`WebhookUrl\` ends with a slash).

## In settings

\`\`\`json
"${name}": { "header": "X-Webhook-Secret", "customer": "source_id" }
\`\`\`

| key | |
|---|---|
| \`header\` | the header with the secret |
| \`customer\` | the Voucherify field of the customer's id |
| \`projects\` | the Voucherify projects to use; by default all |
| \`delaySeconds\` | how long an erasure waits before anything is looked up; by default the one of \`limits\` |

## The secret

\`erasure/platform/${name}\` is \`{"current": "<the whole header value>"}\`.

## Known and unknown

TODO: the source of each rule, what was tried, and what is unknown.
`;
}

/** Returns the entry of the platform among the settings' platforms, as JSON Schema. */
export function sectionOf({ name, variable }: SkeletonNames): string {
  return `        "${name}": {
          "if": {
            "$ref": "#/definitions/isGeneric"
          },
          "then": {
            "$ref": "#/definitions/generic"
          },
          "else": {
            "$ref": "#/definitions/${variable}"
          }
        },
`;
}

/** Returns the definition of the platform's settings, as JSON Schema. */
export function schemaOf({ title, variable }: SkeletonNames): string {
  return `    "${variable}": {
      "description": "${title}, authenticated by a secret in a header.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "projects": {
          "$ref": "#/definitions/routedTo"
        },
        "delaySeconds": {
          "$ref": "#/definitions/delaySeconds"
        },
        "header": {
          "description": "The header with the secret.",
          "allOf": [
            {
              "$ref": "#/definitions/headerName"
            }
          ],
          "default": "X-Webhook-Secret"
        },
        "customer": {
          "description": "The Voucherify field of the customer's id.",
          "allOf": [
            {
              "$ref": "#/definitions/identityKind"
            }
          ],
          "default": "source_id"
        }
      }
    },
`;
}

await runTool(
  help,
  {},
  async (_, [name = '', ...more]) => {
    const names = more.length === 0 ? skeletonNames(name) : undefined;
    if (names === undefined)
      throw new Error('NAME: one name of lower-case letters, digits and hyphens, such as my-platform');
    const files = { ...newFiles(names), ...changedFiles(names) };
    for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
    console.log([...Object.keys(files).map(file => `wrote ${file}`), ...next(names)].join('\n'));
    return 0;
  },
  true,
);
