import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../../infra/local/sandbox/seeded-customers.ts';
import { awsAdapters } from '../../../lambda/aws/aws-services.ts';
import { awsClientOptions } from '../../../lambda/aws/clients.ts';
import { createServices, type Services } from '../../../lambda/services.ts';
import { parseSettings } from '../../../lambda/settings.ts';
import { sweep } from '../../../lambda/sweep/sweep.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import { type AwsCall, type AwsEndpoint, startAwsEndpoint } from '../../support/aws-endpoint.ts';
import { type Answer, eventOf, invoke } from '../../support/event.ts';
import { fixtureTime, sandboxResult } from '../../support/harness.ts';
import { ketchSecretText, ketchWire } from '../../support/ketch.ts';
import { emulated } from '../../support/moto.ts';
import type { Target } from '../support/target.ts';
import { platforms } from '../support/world.ts';

/** One answer of AWS: a status and a body, or none: the connection is closed. */
interface AwsAnswer {
  readonly status: number;
  readonly body: string;
}

/** A call to AWS or Voucherify, in the order in which they were answered. */
interface Exchange {
  readonly operation: string;
  readonly sent: string;
  /** 0 if the connection was closed. */
  readonly status: number;
}

interface AwsWorld {
  readonly services: Services;
  readonly exchanges: readonly Exchange[];
  readonly lines: readonly string[];
  deleted(): readonly string[];
  close(): void;
}

const tables = { receipts: 'receipts', identifiers: 'identifiers' };
const arns = {
  'erasure/platform/ketch': 'arn:ketch',
  'erasure/voucherify/main': 'arn:main',
  'erasure/pepper': 'arn:pepper',
};
const secretTexts: Readonly<Record<string, string>> = {
  'arn:ketch': ketchSecretText(),
  'arn:main': JSON.stringify({ appId: 'app-main', appToken: 'token-main' }),
  'arn:pepper': 'pepper-of-the-tests-with-more-than-43-characters',
};
const timeouts = { connectMs: 5000, responseMs: 5000, callMs: 20_000 };

let shared: Promise<AwsEndpoint> | undefined;

/** Ends the server that all worlds share. */
async function closeEndpoint(): Promise<void> {
  await (await shared)?.stop();
  shared = undefined;
}

/** The services of the deployed function, before an AWS that answers by the script, and as an empty account otherwise. */
async function openAwsWorld(script: (call: AwsCall) => AwsAnswer | undefined): Promise<AwsWorld> {
  shared ??= startAwsEndpoint(() => undefined);
  const { endpoint, answerWith } = await shared;
  const [exchanges, lines]: [Exchange[], string[]] = [[], []];
  answerWith((call, response) => {
    const { status, body } = script(call) ?? usual(call);
    exchanges.push({ operation: call.operation, sent: call.body, status });
    reply(response, status, body);
  });
  const now = () => fixtureTime;
  const sandbox = openSandbox({
    now,
    keys: [{ project: 'main', appId: 'app-main', appToken: 'token-main' }],
    seed: seededCustomers,
  });
  const settings = parseSettings(
    JSON.stringify({
      projects: { main: { baseUrl: 'https://api.voucherify.io' } },
      platforms: { ketch: platforms.ketch },
    }),
    'deployed',
  );
  const clientOptions = { ...awsClientOptions(timeouts), ...emulated(endpoint) };
  const adapters = awsAdapters({ settings, secretArns: arns, tables }, now, {
    write: line => lines.push(line),
    timeouts,
    clientOptions,
  });
  const services = createServices({
    ...adapters,
    send: async call => {
      exchanges.push({ operation: `Voucherify ${call.method}`, sent: call.url.pathname, status: 200 });
      return sandboxResult(sandbox, call);
    },
    sendCallback: async () => ({ kind: 'response', status: 200, headers: {}, body: '' }),
    wait: async () => undefined,
  });
  const deleted = () => sandbox.deletions().map(({ customerId }) => customerId);
  return { services, exchanges, lines, deleted, close: sandbox.close };
}

/** What an account without any row answers. */
function usual({ operation, body }: AwsCall): AwsAnswer {
  const input = JSON.parse(body) as { SecretId?: string };
  const answers: Readonly<Record<string, unknown>> = {
    GetSecretValue: { SecretString: secretTexts[input.SecretId ?? ''] },
    BatchGetItem: { Responses: { [tables.receipts]: [] }, UnprocessedKeys: {} },
    UpdateItem: { Attributes: { count: { N: '1' } } },
    Query: { Items: [], Count: 0 },
    Scan: { Items: [], Count: 0 },
  };
  return { status: 200, body: JSON.stringify(answers[operation] ?? {}) };
}

function reply(response: ServerResponse, status: number, body: string): void {
  if (status === 0) response.destroy();
  else response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
}

const operations = [
  ...['GetSecretValue', 'BatchGetItem', 'UpdateItem', 'PutItem', 'TransactWriteItems', 'GetItem', 'Query', 'Scan'],
];

const errors = [
  ...['ConditionalCheckFailedException', 'TransactionCanceledException', 'TransactionConflictException'],
  ...['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded', 'AccessDeniedException'],
  ...[
    ...['ResourceNotFoundException', 'ValidationException', 'InternalServerError', 'DecryptionFailure'],
    'about crm-10042',
  ],
] as const;

const rows = [
  {},
  { row: { S: '{}' } },
  { row: { S: '{"v":1}' }, revision: { N: 'x' } },
  { row: { N: '1' } },
  { revision: { N: '1' }, row: { S: 'null' } },
  { pk: { S: 'pause#all' }, sk: { S: 'control' }, revision: { N: '1' }, row: { S: '[]' } },
  { pk: { S: 'receipt#1' }, sk: { S: 'receipt' }, row: { S: '{"state":"erased"}' } },
] as const;

const row = fc.constantFrom(...rows);
const reasons = fc.array(
  fc.record({
    Code: fc.constantFrom('None', 'ConditionalCheckFailed', 'TransactionConflict', 'ThrottlingError'),
    Item: row,
  }),
  { maxLength: 3 },
);

const failure = fc.record({
  status: fc.constantFrom(400, 400, 400, 403, 429, 500, 503),
  body: fc
    .record({
      __type: fc.constantFrom(...errors),
      CancellationReasons: reasons,
      Item: row,
      message: fc.constant('about crm-10042'),
    })
    .map(body => JSON.stringify(body)),
});

/** A 200 whose body is another one than documented. */
const strange = fc
  .oneof(
    fc.constantFrom(
      '',
      'null',
      '[]',
      '{}',
      '<html>crm-10042</html>',
      '{"Items":null}',
      '{"Responses":null}',
      '{"Items":{}}',
    ),
    fc.constantFrom(
      '{"SecretString":""}',
      '{"SecretString":5}',
      '{"SecretString":"REPLACE_ME"}',
      '{"SecretBinary":"AA=="}',
    ),
    fc.constantFrom(
      '{"Attributes":{}}',
      '{"Attributes":{"count":{"N":"NaN"}}}',
      '{"Attributes":{"count":{"N":"1e9"}}}',
    ),
    row.map(Item => JSON.stringify({ Item, Items: [Item], Count: 1, Responses: { receipts: [Item] } })),
    fc.jsonValue({ maxDepth: 2 }).map(value => JSON.stringify(value)),
  )
  .map(body => ({ status: 200, body }));

const answer = fc.record({
  to: fc.constantFrom(...operations),
  /** How many calls of this operation get their usual answer before. */
  after: fc.nat(3),
  /** For how many calls: the SDK sends a failed one twice. */
  times: fc.integer({ min: 1, max: 4 }),
  answer: fc.oneof(failure, strange, fc.constant({ status: 0, body: '' })),
});

const inputs = fc.record({
  entry: fc.constantFrom('request', 'request', 'sweep'),
  answers: fc.array(answer, { minLength: 1, maxLength: 4 }),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** Answers of Secrets Manager and DynamoDB to any call of a request or of a sweep. */
export const aws: Target<Input> = {
  what: 'answers of AWS by call, to a genuine request and to a sweep',
  inputs,
  close: closeEndpoint,
  check: async ({ entry, answers }) => {
    const seen = new Map<string, number>();
    const world = await openAwsWorld(({ operation }) => {
      const count = seen.get(operation) ?? 0;
      seen.set(operation, count + 1);
      return answers.find(({ to, after, times }) => to === operation && count >= after && count < after + times)
        ?.answer;
    });
    try {
      return entry === 'sweep' ? await brokenBySweep(world) : await brokenByRequest(world);
    } finally {
      world.close();
    }
  },
};

async function brokenBySweep(world: AwsWorld): Promise<readonly string[]> {
  const failed = await sweep(world.services, world.services.now() + 55_000).then(
    () => false,
    () => true,
  );
  const silent = failed && world.lines.length === 0 ? ['silent: the sweep failed without a line'] : [];
  return [...silent, ...brokenByAnyCall(world)];
}

async function brokenByRequest(world: AwsWorld): Promise<readonly string[]> {
  const reply = await invoke(
    webhookHandler(() => world.services),
    eventOf(ketchWire()),
  );
  const stored = world.exchanges.some(({ operation, status }) => operation === 'TransactWriteItems' && status === 200);
  return [
    ...(reply.status < 300 && !stored ? [`a ${reply.status} although nothing was stored`] : []),
    ...brokenByReply(reply, world),
    ...brokenByAnyCall(world),
  ];
}

function brokenByReply({ status, text }: Answer, { lines }: AwsWorld): readonly string[] {
  const named = lines.some(line => /"code":"[\w-]+"/.test(line));
  return [
    ...(status === 500 ? [`an unexpected error: 500 (${lines.at(-1)?.trim()})`] : []),
    ...(status > 500 && !named ? [`a ${status} that no log line names`] : []),
    ...(status >= 400 && status < 500 ? [`a genuine request got ${status}`] : []),
    ...(text.includes('crm-10042') ? ['the reply repeats an identifier'] : []),
  ];
}

/** No call to Voucherify before the request is stored, and no deletion of a customer that is not a stored pin. */
function brokenByAnyCall({ exchanges, lines, deleted }: AwsWorld): readonly string[] {
  const broken: string[] = [];
  let written = '';
  for (const { operation, sent, status } of exchanges) {
    if (['TransactWriteItems', 'UpdateItem', 'PutItem'].includes(operation) && status === 200) written += sent;
    if (operation === 'Voucherify GET' && !written.includes('crm-10042'))
      broken.push('a look-up before the request was stored');
    const id = /^\/v1\/customers\/([^/]+)\/permanent-deletion$/.exec(sent)?.[1];
    if (operation === 'Voucherify POST' && !written.includes(id ?? '-'))
      broken.push('a deletion before its pin was stored');
  }
  const wrong = deleted().filter(id => id !== 'cust_AdaExample00000000000001');
  return [
    ...broken,
    ...wrong.map(id => `wrong person: ${id}`),
    ...(/crm-10042|ada@example|token-main|ketch-secret/.test(lines.join('')) ? ['the log contains a value'] : []),
  ];
}
