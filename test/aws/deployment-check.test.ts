import { describe, expect, onTestFinished, test } from 'vitest';
import { embeddedSecretTexts } from '../../infra/local/embedded-secrets.ts';
import type { GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { patientTimeouts } from '../../lambda/aws/clients.ts';
import { deploymentCheck } from '../../lambda/aws/deployment-check.ts';
import type { LogLine } from '../../lambda/io/log.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { everySetting } from '../infra/every-setting.ts';
import { settingsWith } from '../infra/synthesised.ts';
import { type AwsCall, answers, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { contextWith } from '../support/event.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import { emulated } from '../support/moto.ts';

const { platforms } = everySetting;
/** Platforms that call: one that is only asked has no route. */
const names = [...openPlatforms(platforms)].flatMap(([name, { isPullOnly }]) => (isPullOnly ? [] : [name]));
const secrets = embeddedSecretTexts(settingsWith({ platforms }));
const hook = { DeploymentId: 'd-1', LifecycleEventHookExecutionId: 'hook-1' };

/** What AWS does in one deployment. */
interface Account {
  readonly harness?: Harness;
  /** Platforms whose secret is still the placeholder. */
  readonly unfilled?: readonly string[];
  readonly webhook?: (body: string) => Promise<object>;
  /** The `X-Amz-Function-Error` of a sweep. */
  readonly sweepError?: string;
  readonly swept?: object;
  readonly variables?: Record<string, string>;
}

/** Runs the hook against an endpoint that speaks for Lambda, Secrets Manager and CodeDeploy. */
async function runHook({
  harness,
  unfilled = [],
  sweepError,
  swept = { needsReview: 0, paused: 0 },
  ...account
}: Account) {
  const webhook = account.webhook ?? (body => realWebhook(harness ?? createHarness({ platforms, secrets }), body));
  const [calls, waits, lines]: [string[], number[], LogLine[]] = [[], [], []];
  const { endpoint, stop } = await startAwsEndpoint(async (call, response) => {
    const { kind, body } = kindOf(call);
    calls.push(kind);
    if (kind === 'webhook') return answers(200, await webhook(body))(call, response);
    if (kind === 'sweeper' && sweepError !== undefined) response.setHeader('x-amz-function-error', sweepError);
    if (kind === 'sweeper') return answers(200, swept)(call, response);
    if (kind !== 'describe') return answers(200, {})(call, response);
    const versions = { current: ['AWSCURRENT'], ...(unfilled.includes(body) ? {} : { previous: ['AWSPREVIOUS'] }) };
    return answers(200, { VersionIdsToStages: versions })(call, response);
  });
  onTestFinished(stop);
  const PLATFORM_SECRETS = JSON.stringify(Object.fromEntries(names.map(name => [name, name])));
  const check = deploymentCheck({
    variables: account.variables ?? {
      WEBHOOK_ALIAS: 'erasure-webhook:live',
      SWEEPER_ALIAS: 'erasure-sweeper:live',
      PLATFORM_SECRETS,
    },
    clientOptions: { ...emulated(endpoint), requestHandler: { requestTimeout: patientTimeouts.responseMs } },
    wait: async ms => waits.push(ms),
    log: line => lines.push(line),
  });
  await check(hook);
  return { calls, waits, lines };
}

/** Names a call; a report to CodeDeploy by its status. */
function kindOf({ operation, body, request }: AwsCall): { readonly kind: string; readonly body: string } {
  if (operation === 'DescribeSecret') return { kind: 'describe', body: parsed(body)['SecretId'] ?? '' };
  if (operation === 'PutLifecycleEventHookExecutionStatus') {
    const { deploymentId, lifecycleEventHookExecutionId, status } = parsed(body);
    expect([deploymentId, lifecycleEventHookExecutionId]).toEqual(['d-1', 'hook-1']);
    return { kind: status ?? '', body };
  }
  const [, name = ''] = /functions\/erasure-(\w+)(?::|%3A)live\/invocations$/.exec(request.url ?? '') ?? [];
  return { kind: name, body };
}

function parsed(text: string): Readonly<Record<string, string | undefined>> {
  return JSON.parse(text) as Record<string, string>;
}

async function realWebhook({ services }: Harness, body: string): Promise<object> {
  return webhookHandler(() => services)(JSON.parse(body) as GatewayEvent, contextWith(10_000));
}

describe('deployment check', () => {
  test('new version that works: rejects a request for every platform, sweeps, and is observed for six minutes', async () => {
    const harness = createHarness({ platforms, secrets });
    const { calls, waits, lines } = await runHook({ harness });
    expect(calls).toEqual([...names.flatMap(() => ['describe', 'webhook']), 'sweeper', 'Succeeded']);
    expect(waits).toEqual([6 * 60_000]);
    expect(lines).toEqual([{ event: 'deployment-check' }]);
    // The check itself must not raise an alarm, which would move the new version back.
    expect(harness.alarms()).toEqual([]);
    expect(await harness.receipts()).toEqual([]);
  });

  test('platform whose secret is still a placeholder: is not called', async () => {
    const { calls } = await runHook({ unfilled: ['ketch'] });
    expect(calls.filter(call => call === 'webhook')).toHaveLength(names.length - 1);
    expect(calls.at(-1)).toBe('Succeeded');
  });

  test.each([
    { what: 'a webhook that accepts anybody', account: { webhook: replies(200) }, code: `${names[0]}-answered-200` },
    { what: 'a webhook without its secret', account: { webhook: replies(503) }, code: `${names[0]}-answered-503` },
    { what: 'a webhook that returns nonsense', account: { webhook: async () => ({}) }, code: 'ValiError' },
    { what: 'a sweep that fails', account: { sweepError: 'Unhandled' }, code: 'sweep-failed' },
    { what: 'a sweep without the table', account: { swept: { failed: 3 } }, code: 'sweep-failed' },
    { what: 'a variable that is missing', account: { variables: {} }, code: 'ValiError' },
  ])('$what: is reported as failed at once', async ({ account, code }) => {
    const { calls, waits, lines } = await runHook(account);
    expect(calls.at(-1)).toBe('Failed');
    expect(waits).toEqual([]);
    expect(lines).toEqual([{ event: 'deployment-check', code }]);
  });
});

function replies(statusCode: number) {
  return async () => ({ statusCode });
}
