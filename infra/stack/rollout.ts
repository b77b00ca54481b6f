import { ArnFormat, type CfnElement, Duration, Stack } from 'aws-cdk-lib';
import type { IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import type { Alias, IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { DeploymentCheckEnvironment } from '../../lambda/aws/deployment-check.ts';
import { platformSecretName } from '../../lambda/domain/names.ts';
import type { AlarmName } from './alarm-catalog.ts';
import { createFunction } from './bundled-function.ts';
import type { Functions } from './functions.ts';
import { allow, grantLogsAndTraces } from './grants.ts';
import { acknowledge } from './nag.ts';
import { liveAlias } from './names.ts';
import type { Secrets } from './secrets.ts';

interface RolloutOptions extends Functions {
  readonly prefix: string;
  readonly platforms: readonly string[];
  readonly secrets: Secrets;
  readonly alarms: ReadonlyMap<AlarmName, IAlarm>;
  /** False for a deployment that fixes what one of the alarms reports. */
  readonly rollbackOnAlarms: boolean;
}

/** CodeDeploy moves an alias back if one of these starts during a deployment, or if it was on before. */
const rollbackAlarms = ['sweep-stopped', 'requests-rejected'] as const satisfies readonly AlarmName[];

/**
 * Lets CodeDeploy move both aliases to a new version, all at once, and back if the deployment check fails or an alarm
 * starts. CodeDeploy has no part in the first deployment, which creates the aliases (CloudFormation User Guide,
 * "UpdatePolicy attribute", CodeDeployLambdaAliasUpdate).
 */
export function createRollout(scope: Construct, options: RolloutOptions): void {
  const { prefix, webhook, sweeper, alarms, rollbackOnAlarms } = options;
  const application = new LambdaApplication(scope, 'Rollout', { applicationName: prefix });
  const check = createDeploymentCheck(scope, options);
  const observed = rollbackAlarms.flatMap(name => alarms.get(name) ?? []);
  for (const [name, { alias }] of Object.entries({ webhook, sweeper })) {
    const group = new LambdaDeploymentGroup(scope, `Rollout-${name}`, {
      application,
      deploymentGroupName: `${prefix}-${name}`,
      // CDK's interface does not permit its own class with exact optional properties, so the type was lost.
      alias: alias as Alias,
      deploymentConfig: LambdaDeploymentConfig.ALL_AT_ONCE,
      postHook: check,
      ...(rollbackOnAlarms ? { alarms: observed } : {}),
      autoRollback: { failedDeployment: true, deploymentInAlarm: rollbackOnAlarms },
    });
    acknowledge(
      group.role,
      codeDeployPolicy,
      'AWS maintains what CodeDeploy needs to move an alias: its smaller policy.',
    );
    acknowledge(
      group.role.node.findChild('DefaultPolicy'),
      `AwsSolutions-IAM5[Resource::<${Stack.of(scope).getLogicalId(check.node.defaultChild as CfnElement)}.Arn>:*]`,
      'CodeDeploy may invoke one function, the deployment check. CDK adds all its versions and aliases, and it has none.',
    );
  }
}

function createDeploymentCheck(scope: Construct, { prefix, platforms, secrets }: RolloutOptions) {
  const arns = new Map(
    platforms.flatMap(name => {
      const secret = secrets.get(platformSecretName(name));
      return secret === undefined ? [] : [[name, secret.secretArn] as const];
    }),
  );
  const created = createFunction(scope, 'DeploymentCheck', {
    name: 'deployment-check',
    prefix,
    description: 'Tests a new version after its alias has moved.',
    // One sweep takes up to 75 s, and the alarms are observed for six minutes.
    timeout: Duration.minutes(10),
    memorySize: 256,
    environment: {
      WEBHOOK_ALIAS: aliasName(prefix, 'webhook'),
      SWEEPER_ALIAS: aliasName(prefix, 'sweeper'),
      PLATFORM_SECRETS: Stack.of(scope).toJsonString(Object.fromEntries(arns)),
    } satisfies DeploymentCheckEnvironment,
    asyncInvoke: { retryAttempts: 0, maxEventAge: Duration.hours(1) },
  });
  allow(created, 'Invoke', ['lambda:InvokeFunction'], aliasArns(scope, prefix));
  if (arns.size > 0) allow(created, 'Secrets', ['secretsmanager:DescribeSecret'], [...arns.values()]);
  grantLogsAndTraces(created);
  const reason = 'CodeDeploy waits for the result that the function reports, and ends the deployment without one.';
  acknowledge(created.function, 'Serverless-LambdaDLQ', reason);
  acknowledge(created.function.node.findChild('EventInvokeConfig'), 'Serverless-LambdaAsyncFailureDestination', reason);
  // CDK's own interface does not permit the class with exact optional properties.
  return created.function as IFunction;
}

/** A name and not a reference: the alias itself depends on its deployment group and on the check. */
function aliasName(prefix: string, name: 'webhook' | 'sweeper'): string {
  return `${prefix}-${name}:${liveAlias}`;
}

function aliasArns(scope: Construct, prefix: string): string[] {
  const names = [aliasName(prefix, 'webhook'), aliasName(prefix, 'sweeper')];
  const arnFormat = ArnFormat.COLON_RESOURCE_NAME;
  return names.map(resourceName =>
    Stack.of(scope).formatArn({ service: 'lambda', resource: 'function', resourceName, arnFormat }),
  );
}

const codeDeployPolicy =
  'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]';
