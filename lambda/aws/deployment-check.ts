import { CodeDeployClient, PutLifecycleEventHookExecutionStatusCommand } from '@aws-sdk/client-codedeploy';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import type { Log } from '../io/log.ts';
import type { GatewayEvent } from './api-gateway.ts';
import { errorNameOf } from './clients.ts';
import type { Variables } from './environment.ts';

/** The environment variables of the deployment check. */
export interface DeploymentCheckEnvironment {
  /** Names of the functions, each with its alias: `erasure-webhook:live`. */
  readonly WEBHOOK_ALIAS: string;
  readonly SWEEPER_ALIAS: string;
  /** Maps platform names to the ARNs of their secrets, as JSON. */
  readonly PLATFORM_SECRETS: string;
}

const filled = v.pipe(v.string(), v.nonEmpty());
const environment = v.object({
  WEBHOOK_ALIAS: filled,
  SWEEPER_ALIAS: filled,
  PLATFORM_SECRETS: v.pipe(v.string(), v.parseJson(), v.record(v.string(), filled)),
});

/** What CodeDeploy sends to a hook (CodeDeploy User Guide, "AppSpec hooks section for an AWS Lambda deployment"). */
export interface HookEvent {
  readonly DeploymentId: string;
  readonly LifecycleEventHookExecutionId: string;
}

interface Dependencies {
  readonly variables: Variables;
  /** Options of the three AWS clients. The response of a sweep takes up to 75 s. */
  readonly clientOptions: object;
  readonly wait: (ms: number) => Promise<unknown>;
  readonly log: Log;
}

/**
 * How long CodeDeploy observes its alarms before the deployment is complete, in milliseconds: `sweep-stopped` starts after
 * five minutes without a sweep.
 */
const observedMs = 6 * 60_000;

/**
 * Creates the hook that CodeDeploy invokes after an alias has moved. The new version must reject an unauthenticated request
 * for every platform and complete a sweep. Then the hook waits, so that an alarm can still stop the deployment, and reports
 * `Succeeded`. Any error is reported as `Failed`, and CodeDeploy moves the alias back. Throws if it cannot report.
 */
export function deploymentCheck({ variables, clientOptions, wait, log }: Dependencies) {
  const codedeploy = new CodeDeployClient(clientOptions);
  return async ({ DeploymentId, LifecycleEventHookExecutionId }: HookEvent): Promise<void> => {
    const error = await check(variables, clientOptions)
      .then(() => wait(observedMs))
      .then(() => undefined, codeOf);
    log({ event: 'deployment-check', ...(error === undefined ? {} : { code: error }) });
    await codedeploy.send(
      new PutLifecycleEventHookExecutionStatusCommand({
        deploymentId: DeploymentId,
        lifecycleEventHookExecutionId: LifecycleEventHookExecutionId,
        status: error === undefined ? 'Succeeded' : 'Failed',
      }),
    );
  };
}

async function check(variables: Variables, clientOptions: object): Promise<void> {
  const { WEBHOOK_ALIAS, SWEEPER_ALIAS, PLATFORM_SECRETS } = v.parse(environment, variables);
  const [lambda, secrets] = [new LambdaClient(clientOptions), new SecretsManagerClient(clientOptions)];
  for (const [platform, secret] of Object.entries(PLATFORM_SECRETS)) {
    // The secret of a new platform is a placeholder until the operator replaces it.
    if (await isReplaced(secrets, secret)) await expectRejection(lambda, WEBHOOK_ALIAS, platform);
  }
  const swept = await invoke(lambda, SWEEPER_ALIAS, {}, 'sweep-failed');
  // A sweep that cannot read the index of the table still ends, without these counts.
  if (!v.is(v.object({ needsReview: v.number(), paused: v.number() }), swept)) throw new CheckFailed('sweep-failed');
}

/** A secret whose value was replaced has at least two versions, the current and the previous one. */
async function isReplaced(client: SecretsManagerClient, SecretId: string): Promise<boolean> {
  const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId }));
  return Object.keys(VersionIdsToStages).length > 1;
}

async function expectRejection(lambda: LambdaClient, alias: string, platform: string): Promise<void> {
  const path = `/webhooks/${platform}`;
  const event: GatewayEvent = { httpMethod: 'POST', path, headers: {}, body: '{}', isBase64Encoded: false };
  const { statusCode } = v.parse(
    v.object({ statusCode: v.number() }),
    await invoke(lambda, alias, event, 'webhook-failed'),
  );
  if (statusCode !== 401 && statusCode !== 403) throw new CheckFailed(`${platform}-answered-${statusCode}`);
}

async function invoke(lambda: LambdaClient, alias: string, event: object, failed: string): Promise<unknown> {
  const input = { FunctionName: alias, Payload: JSON.stringify(event) };
  const { FunctionError, Payload } = await lambda.send(new InvokeCommand(input));
  if (FunctionError !== undefined) throw new CheckFailed(failed);
  return JSON.parse(Buffer.from(Payload ?? []).toString());
}

class CheckFailed extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof CheckFailed ? thrown.code : errorNameOf(thrown);
}
