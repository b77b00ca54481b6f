import {
  CliCredentialsStackSynthesizer,
  DefaultStackSynthesizer,
  type DefaultStackSynthesizerProps,
  type IStackSynthesizer,
  NestedStack,
  Stack,
  Stage,
} from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ArnPrincipal } from 'aws-cdk-lib/aws-iam';
import { describe, expect, test } from 'vitest';
import { ErasureWebhook } from '../../infra/stack/erasure-webhook.ts';
import { ErasureStack } from '../../infra/stack/stack.ts';
import { appOfTests, settingsWith } from './synthesised.ts';

const settings = settingsWith();
const viaDynamodb = { 'kms:ViaService': { 'Fn::Join': ['', ['dynamodb.', { Ref: 'AWS::Region' }, '.amazonaws.com']] } };

interface Statement {
  readonly Sid: string;
  readonly Principal: { readonly AWS: unknown };
}

/** Statements of the identifiers table's key, by Sid. */
function keyPolicy(stack: Stack): Readonly<Record<string, Statement>> {
  const keys = Template.fromStack(stack).findResources('AWS::KMS::Key', { Properties: { EnableKeyRotation: true } });
  const statements: Statement[] = Object.values(keys)[0]?.['Properties'].KeyPolicy.Statement;
  return Object.fromEntries(statements.map(statement => [statement.Sid, statement]));
}

/** Its class is one, but not to TypeScript under `exactOptionalPropertyTypes`. */
function standard(props: DefaultStackSynthesizerProps): IStackSynthesizer {
  return new DefaultStackSynthesizer(props) as IStackSynthesizer;
}

function deployerOf(stack: Stack): unknown {
  const { UseByTheDeployment, GrantByTheDeployment } = keyPolicy(stack);
  expect(GrantByTheDeployment?.Principal).toEqual(UseByTheDeployment?.Principal);
  return UseByTheDeployment?.Principal.AWS;
}

/** The role that `cdk bootstrap` makes and CloudFormation runs as. */
function bootstrapped(qualifier = 'hnb659fds') {
  const place = ['AWS::AccountId', 'AWS::Region'].map(name => `\${${name}}`).join('-');
  return { 'Fn::Sub': `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:role/cdk-${qualifier}-cfn-exec-role-${place}` };
}

describe('key of the identifiers table', () => {
  test('deployment: may do what DynamoDB requires to select a key, only through DynamoDB, and grant only to AWS services', () => {
    const { UseByTheDeployment, GrantByTheDeployment } = keyPolicy(
      new ErasureStack(appOfTests(), 'Ours', { settings }),
    );
    expect(UseByTheDeployment).toMatchObject({
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
      Resource: '*',
      Condition: { StringEquals: viaDynamodb },
    });
    expect(GrantByTheDeployment).toMatchObject({
      Effect: 'Allow',
      Action: 'kms:CreateGrant',
      Resource: '*',
      Condition: { StringEquals: viaDynamodb, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    });
  });

  test('statements: those of the functions, the deployment and the administration only', () => {
    const policy = keyPolicy(new ErasureStack(appOfTests(), 'Ours', { settings }));
    expect(Object.keys(policy).sort()).toEqual([
      ...['Administration', 'GrantByTheDeployment', 'UseByTheDeployment', 'UseByTheFunctions'],
    ]);
  });
});

describe('deployment role', () => {
  test('default: the bootstrap role, for every stage of the service', () => {
    expect(deployerOf(new ErasureStack(appOfTests(), 'Ours', { settings }))).toEqual(bootstrapped());
    expect(deployerOf(new ErasureStack(appOfTests(), 'Ours', { settings, stage: 'test' }))).toEqual(bootstrapped());
  });

  test('qualifier: comes from the synthesizer or the context', () => {
    const synthesizer = standard({ qualifier: 'acme' });
    expect(deployerOf(new ErasureStack(appOfTests(), 'Ours', { settings, synthesizer }))).toEqual(bootstrapped('acme'));
    const app = appOfTests({ '@aws-cdk/core:bootstrapQualifier': 'other' });
    expect(deployerOf(new ErasureStack(app, 'Ours', { settings }))).toEqual(bootstrapped('other'));
  });

  test('synthesizer with its own role: that role is used', () => {
    const role = 'arn:aws:iam::123456789012:role/deployer';
    const synthesizer = standard({ cloudFormationExecutionRole: role });
    expect(deployerOf(new ErasureStack(appOfTests(), 'Ours', { settings, synthesizer }))).toBe(role);
  });

  test('CDK stage: the role has the account and region of the stack', () => {
    const stage = new Stage(appOfTests(), 'Production', { env: { account: '123456789012', region: 'eu-west-1' } });
    const { 'Fn::Sub': arn } = deployerOf(new ErasureStack(stage, 'Ours', { settings })) as { 'Fn::Sub': string };
    expect(arn).toMatch(/role\/cdk-hnb659fds-cfn-exec-role-123456789012-eu-west-1$/);
  });

  test('other stacks: the role is found; a nested stack uses that of the outermost one', () => {
    const theirs = new Stack(appOfTests(), 'Theirs');
    new ErasureWebhook(theirs, 'Erasure', { settings });
    expect(deployerOf(theirs)).toEqual(bootstrapped());
    const parent = new Stack(appOfTests(), 'Parent', { synthesizer: standard({ qualifier: 'acme' }) });
    const nested = new NestedStack(new NestedStack(parent, 'Middle'), 'Inner');
    new ErasureWebhook(nested, 'Erasure', { settings });
    expect(deployerOf(nested)).toEqual(bootstrapped('acme'));
  });
});

describe('synthesizer without a role', () => {
  const withoutRole = () => ({ synthesizer: new CliCredentialsStackSynthesizer() as IStackSynthesizer });

  test('synthesis: fails and names the missing option', () => {
    const stack = () => new ErasureStack(appOfTests(), 'Ours', { settings, ...withoutRole() });
    expect(stack).toThrow(/`deployer`/);
  });

  test('option `deployer`: is used, as with any other synthesizer', () => {
    const arn = 'arn:aws:iam::123456789012:role/pipeline';
    const deployer = new ArnPrincipal(arn);
    expect(deployerOf(new ErasureStack(appOfTests(), 'Ours', { settings, deployer, ...withoutRole() }))).toBe(arn);
    expect(deployerOf(new ErasureStack(appOfTests(), 'Ours', { settings, deployer }))).toBe(arn);
  });
});
