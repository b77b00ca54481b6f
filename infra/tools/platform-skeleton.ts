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
