import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { ErasureStack } from '../../infra/stack/stack.ts';
import { everySetting } from './every-setting.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const everything = settingsWith(everySetting);
const { waf: _, ...operations } = everySetting.operations;
const withoutWaf = settingsWith({ ...everySetting, operations });

function findings(app: App): string[] {
  const packs = [new AwsSolutionsChecks(app), new ServerlessChecks(app)];
  return packs
    .flatMap(pack => pack.validateScope(app).violations)
    .flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
    );
}

describe('cdk-nag, AwsSolutions and Serverless', () => {
  test.each([
    { name: 'the example settings', props: {} },
    { name: 'a stage in an account with a role for logs', props: { stage: 'test', apiLogRole: 'existing' } as const },
  ])('$name: no finding', ({ props }) => {
    expect(findings(synthesised(props).app)).toEqual([]);
  });

  test('another app without our feature flags: no finding', () => {
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
    new ErasureStack(app, 'Theirs', { settings: everything });
    expect(findings(app)).toEqual([]);
  });

  test.each([
    { name: 'every setting', settings: everything, more: [] },
    { name: 'every setting but the web ACL', settings: withoutWaf, more: ['AwsSolutions-APIG3'] },
  ])('$name: exactly the accepted findings, each with a reason', one => {
    const { app } = synthesised({ settings: one.settings });
    const accepted = acknowledgements(app);
    for (const { reason } of accepted) expect(reason.length).toBeGreaterThan(40);
    forgetAcknowledgements(app);
    const found = findings(app).map(finding => finding.replace(/\/Resource$/, ''));
    expect(accepted.map(({ id, path }) => `${id} ${path}`).sort()).toEqual(found.sort());
    expect([...new Set(accepted.map(({ id }) => id.replace(/\[.*/, '')))].sort()).toEqual([
      'AwsSolutions-APIG2',
      ...[...one.more, 'AwsSolutions-APIG4', 'AwsSolutions-COG4', 'AwsSolutions-IAM4', 'AwsSolutions-IAM5'],
      ...['AwsSolutions-SMG4', 'Serverless-APIGWXrayEnabled', 'Serverless-EventBusDLQ'],
      ...['Serverless-LambdaAsyncFailureDestination', 'Serverless-LambdaDLQ', 'Serverless-SNSRedrivePolicy'],
    ]);
  });
});

/** CDK keeps them as metadata of the construct. */
function acknowledgements(app: App) {
  return app.node.findAll().flatMap(construct =>
    construct.node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries<string>(data))
      .map(([id, reason]) => ({ path: construct.node.path, id: id.replace(/^Annotation::/, ''), reason })),
  );
}

function forgetAcknowledgements(app: App): void {
  for (const { node } of app.node.findAll()) Reflect.set(node, '_metadata', []);
}
