import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import { bundlingOf, functionNames } from '../../infra/stack/bundled-function.ts';
import { bundles } from '../../infra/tools/sbom.ts';
import { awsAdapters } from '../../lambda/aws/aws-services.ts';
import { lambdaClientOptions } from '../../lambda/aws/clients.ts';
import { tableKeys } from '../../lambda/aws/table-layout.ts';
import { answers, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { account, deleteRequest, ketchHarness, ketchWire, tenant } from '../support/ketch.ts';

/*
 * What a deployment may weigh and what an erasure may cost. Raise a limit only for what it buys, and say so in
 * DECISIONS.md. Times depend on the machine: test/bench reports them, and nothing asserts them.
 */

/** Bytes of the minified bundles, about one percent above what they have. */
const maxBytes = { webhook: 378_000, sweeper: 424_000, events: 347_000, 'deployment-check': 313_500 };
/** AWS calls of one erasure of one person in one project, and how many of them wait for an earlier one, plus one. */
const maxCalls = 6;
const maxRounds = 3;
/** The same while any legal hold exists: the holds are read before the pins, and again before the deletion. */
const maxCallsWithHolds = 8;
const maxRoundsWithHolds = 5;

const built = new Map((await bundles()).map(bundle => [bundle.name, bundle]));
const projectSecret = { 'erasure/voucherify/main': 'project' };
const secretsOf: Readonly<Record<string, object>> = {
  webhook: projectSecret,
  sweeper: projectSecret,
  events: { 'erasure/events/main': 'events' },
};
/** Above this folder there is no `node_modules`. */
const folder = mkdtempSync(join(tmpdir(), 'erasure-bundles-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const [name, bundle] of built) writeFileSync(join(folder, `${name}.mjs`), bundle.text);

const credentials = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };

describe('bundles of the functions', () => {
  test.each(functionNames)('%s: is not larger than its budget', name => {
    expect(Buffer.byteLength(built.get(name)?.text ?? '')).toBeLessThanOrEqual(maxBytes[name]);
  });

  test.each(functionNames)('%s: imports no package at its start, nor node:http, whose exports delay it', name => {
    const imports = built.get(name)?.outputs.flatMap(output => output.imports) ?? [];
    const atStart = imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path);
    expect(atStart).toContain('node:https');
    expect(atStart.filter(path => !path.startsWith('node:') || path === 'node:http')).toEqual([]);
    const later = imports.map(({ path }) => path).filter(path => !path.startsWith('node:'));
    expect(later.toSorted()).toEqual(bundlingOf(name).external.toSorted());
  });

  test.each(functionNames)('%s: starts and reads what it needs without the packages left out', async name => {
    const aws = await startAwsEndpoint(
      answers(200, { SecretString: 'pepper-of-a-function-that-starts-and-is-long', Responses: {} }),
    );
    onTestFinished(aws.stop);
    const variables = {
      ...credentials,
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_LAMBDA_FUNCTION_NAME: name,
      SETTINGS_JSON: JSON.stringify(example),
      SECRET_ARNS: JSON.stringify({ 'erasure/pepper': 'pepper', ...secretsOf[name] }),
      RECEIPTS_TABLE: 'receipts',
      IDENTIFIERS_TABLE: 'identifiers',
      METRICS_NAMESPACE: 'erasure',
      EVIDENCE_KEY: 'key',
    };
    const load = `const { handler } = await import('./${name}.mjs'); console.log(typeof handler)`;
    const args = ['--input-type=module', '--eval', load];
    const child = spawn(process.execPath, args, { cwd: folder, env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
    expect(await Promise.all([text(child.stdout), text(child.stderr)])).toEqual(['function\n', '']);
    const rateLimits = name === 'events' ? [] : ['BatchGetItem'];
    const read = name === 'deployment-check' ? [] : [...rateLimits, 'GetSecretValue', 'GetSecretValue'];
    expect(aws.operations.toSorted()).toEqual(read);
  });
});

/** The row that says that legal holds exist; none of them is for a customer of these tests. */
const holdsRow = {
  ...{ [tableKeys.partition]: { S: 'legal-holds' }, [tableKeys.sort]: { S: 'control' } },
  ...{ revision: { N: '1' }, row: { S: JSON.stringify({ until: Date.UTC(2100, 0), since: 0 }) } },
};

/**
 * A transport of the SDK that answers as tables with these rows do, and numbers the rounds: a call waits for all
 * answers before it.
 */
function recordingTransport(rows: readonly object[] = []) {
  const calls: { readonly operation: string; readonly round: number }[] = [];
  let answered = 0;
  const handle = async ({
    headers,
    body: asked,
  }: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  }) => {
    const operation = String(headers['x-amz-target']).replace(/^.*\./, '');
    const round = answered + 1;
    calls.push({ operation, round });
    // Calls that were started together are all here before the first answer.
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    answered = Math.max(answered, round);
    const empty = {
      BatchGetItem: {
        Responses: { receipts: String(asked).includes('"legal-holds"') ? rows : [] },
        UnprocessedKeys: {},
      },
      UpdateItem: { Attributes: { count: { N: '1' } } },
    };
    const body = { ...empty }[operation] ?? {};
    const type = { 'content-type': 'application/x-amz-json-1.0' };
    return { response: { statusCode: 200, headers: type, body: Readable.from([Buffer.from(JSON.stringify(body))]) } };
  };
  const restart = () => {
    calls.length = 0;
    answered = 0;
  };
  return {
    calls,
    restart,
    requestHandler: { handle, updateHttpClientConfig: () => undefined, httpHandlerConfigs: () => ({}) },
  };
}

test.each(functionNames)('legal holds: %s contains no code that sets or releases one', name => {
  const text = built.get(name)?.text ?? '';
  expect(text.length).toBeGreaterThan(0);
  expect(text).not.toContain('the hold cannot be written');
  expect(text.includes('legal-hold#')).toBe(name === 'webhook' || name === 'sweeper');
});

test.each([
  ['erasure', [], maxCalls, maxRounds],
  ['erasure while a legal hold exists', [holdsRow], maxCallsWithHolds, maxRoundsWithHolds],
] as const)(
  '%s: makes as many AWS calls, and as many of them in a row, as its budget says',
  async (_, rows, most, longest) => {
    const { calls, restart, requestHandler } = recordingTransport(rows);
    const harness = ketchHarness({
      change: ({ settings, now }) => {
        const tables = { receipts: 'receipts', identifiers: 'identifiers' };
        const clientOptions = { ...lambdaClientOptions(credentials), requestHandler };
        const { store, control } = awsAdapters({ settings, secretArns: {}, tables }, now, { clientOptions });
        return { store, control };
      },
    });
    const erase = (sourceId: string, uid: string) => {
      harness.addCustomer({ source_id: sourceId });
      return harness.send(ketchWire(deleteRequest({ identities: [account(sourceId)] }, { metadata: { uid, tenant } })));
    };
    // The first call of a client reads its configuration.
    await erase('crm-first', '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11');
    restart();
    const reply = await erase('crm-second', '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c12');
    expect(reply.json).toMatchObject({ response: { status: 'completed', reason: 'executed' } });
    const made = calls.map(({ operation, round }) => `${round} ${operation}`).join(', ');
    expect(calls.length, made).toBe(most);
    expect(Math.max(...calls.map(({ round }) => round)), made).toBe(longest);
  },
);
