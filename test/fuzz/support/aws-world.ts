import type { ServerResponse } from 'node:http';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../../infra/local/sandbox/seeded-customers.ts';
import { awsAdapters } from '../../../lambda/aws/aws-services.ts';
import { awsClientOptions } from '../../../lambda/aws/clients.ts';
import { createServices, type Services } from '../../../lambda/services.ts';
import { parseSettings } from '../../../lambda/settings.ts';
import { type AwsCall, type AwsEndpoint, startAwsEndpoint } from '../../support/aws-endpoint.ts';
import { fixtureTime, sandboxResult } from '../../support/harness.ts';
import { ketchSecretText } from '../../support/ketch.ts';
import { emulated } from '../../support/moto.ts';
import { platforms } from './world.ts';

/** One answer of AWS: a status and a body, or none: the connection is closed. */
export interface AwsAnswer {
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

export interface AwsWorld {
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
const timeouts = { connectMs: 5000, answerMs: 5000, callMs: 20_000 };

let shared: Promise<AwsEndpoint> | undefined;

/** Ends the server that all worlds share. */
export async function closeEndpoint(): Promise<void> {
  await (await shared)?.stop();
  shared = undefined;
}

/** The services of the deployed function, before an AWS that answers by the script, and as an empty account otherwise. */
export async function openAwsWorld(script: (call: AwsCall) => AwsAnswer | undefined): Promise<AwsWorld> {
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
    sendCallback: async () => ({ kind: 'answer', status: 200, headers: {}, body: '' }),
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
