import { describe, expect, test } from 'vitest';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { everySetting } from './every-setting.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, resources, template } = synthesised({ settings: settingsWith(everySetting) });
const aliases = Object.values(template.findResources('AWS::Lambda::Alias'));

describe('rollout of a new version', () => {
  test('aliases: are moved by CodeDeploy, which invokes the deployment check afterwards', () => {
    const policies = aliases.map(({ UpdatePolicy }) => readable(UpdatePolicy));
    expect(policies).toHaveLength(2);
    for (const [index, group] of ['Rolloutwebhook', 'Rolloutsweeper'].entries()) {
      expect(policies[index]).toEqual({
        CodeDeployLambdaAliasUpdate: {
          ApplicationName: 'Rollout',
          DeploymentGroupName: group,
          AfterAllowTrafficHook: 'erasure-deployment-check',
        },
      });
    }
  });

  test('groups: move all traffic at once, and back after a failure or an alarm', () => {
    const groups = of('AWS::CodeDeploy::DeploymentGroup');
    expect(groups.map(({ DeploymentGroupName }) => DeploymentGroupName)).toEqual([
      'erasure-webhook',
      'erasure-sweeper',
    ]);
    for (const { DeploymentConfigName, AlarmConfiguration, AutoRollbackConfiguration } of groups) {
      expect(DeploymentConfigName).toBe('CodeDeployDefault.LambdaAllAtOnce');
      const watched = AlarmConfiguration.Alarms.map(({ Name }: { Name: { Ref: string } }) => resources[Name.Ref]);
      const names = watched.map(({ Properties }: { Properties: { AlarmName: string } }) => Properties.AlarmName);
      expect([AlarmConfiguration.Enabled, names]).toEqual([
        true,
        ['erasure-sweep-stopped', 'erasure-requests-rejected'],
      ]);
      expect(AutoRollbackConfiguration).toEqual({
        Enabled: true,
        Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'],
      });
    }
  });

  test('rollbackOnAlarms false: a fix is deployed while an alarm is on, and still has to pass the check', () => {
    const without = synthesised({ rollbackOnAlarms: false });
    for (const group of without.of('AWS::CodeDeploy::DeploymentGroup')) {
      expect(group.AlarmConfiguration).toEqual({ Enabled: false });
      expect(group.AutoRollbackConfiguration).toEqual({ Enabled: true, Events: ['DEPLOYMENT_FAILURE'] });
    }
    expect(without.of('AWS::Lambda::Alias')).toHaveLength(2);
  });

  test('deployment check: may invoke the aliases and describe the secrets of platforms, and read none', () => {
    const [policy] = of('AWS::IAM::Policy').filter(({ PolicyName }) => /DeploymentCheckRole/.test(PolicyName));
    const statements: { readonly Sid?: string; readonly Action: string | string[]; readonly Resource: unknown }[] =
      policy.PolicyDocument.Statement.map(readable);
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      'codedeploy:PutLifecycleEventHookExecutionStatus',
      ...['lambda:InvokeFunction', 'logs:CreateLogStream', 'logs:PutLogEvents', 'secretsmanager:DescribeSecret'],
      ...['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
    ]);
    const bySid = new Map(statements.map(({ Sid, ...rest }) => [Sid, rest]));
    expect(JSON.stringify(bySid.get('Invoke')?.Resource)).toMatch(/erasure-sweeper:live.*erasure-webhook:live/);
    const called = [...openPlatforms(everySetting.platforms)].filter(([, { isPullOnly }]) => isPullOnly !== true);
    const names = called.map(([name]) => `erasure/platform/${name}`).sort();
    expect(bySid.get('Secrets')).toMatchObject({ Resource: names });
  });
});
