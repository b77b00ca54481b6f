import { NestedStack, Stack, Stage } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import { ErasureWebhook, type ErasureWebhookProps } from '../../infra/stack/erasure-webhook.ts';
import { settingsWarnings } from '../../infra/stack/settings-warnings.ts';
import { ErasureStack } from '../../infra/stack/stack.ts';
import { everySetting } from './every-setting.ts';
import { appOfTests, settingsWith } from './synthesised.ts';

const { domain } = everySetting.operations;
const { hostedZone: _, ...withoutZone } = domain;
const ranges = { v4: ['192.0.2.0/24'], v6: ['2001:db8::/32'] };
const project = example.projects.main;
const twelve = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`p${index}`, project]));

const operations = (changed: object) => ({ settings: settingsWith({ operations: changed }) });
const platform = (name: string, fields: object) => ({ settings: settingsWith({ platforms: { [name]: fields } }) });

type Variant = readonly [name: string, props: Partial<ErasureWebhookProps>, region?: string, partition?: string];

const variants: readonly Variant[] = [
  ['the example settings', {}],
  ['every setting', { settings: settingsWith(everySetting) }],
  ['no platform', { settings: settingsWith({ platforms: {} }) }],
  ['Transcend', platform('transcend', everySetting.platforms.transcend)],
  ['Segment', platform('segment', {})],
  ['Shopify', platform('shopify', { shops: ['acme.myshopify.com'] })],
  ['a generic platform', platform('generic', { authentication: { kind: 'standard-webhooks' } })],
  ['twelve projects', { settings: settingsWith({ projects: twelve }) }],
  ['OAuth', { settings: settingsWith({ projects: { main: { ...project, auth: 'oauth' } } }) }],
  ['a web ACL', operations({ waf: true })],
  ['IPv4 ranges', operations({ allowIps: ranges.v4 })],
  ['IPv6 ranges', operations({ allowIps: ranges.v6 })],
  ['IPv4 and IPv6 ranges', operations({ allowIps: [...ranges.v4, ...ranges.v6] })],
  ['a domain', operations({ domain: withoutZone })],
  ['a domain with its zone', operations({ domain })],
  ['an e-mail address', operations({ alarmEmail: 'on-call@example.com' })],
  ['a stage', { stage: 'test' }],
  ['an existing log role', { apiLogRole: 'existing' }],
  ['China', {}, 'cn-north-1', 'aws-cn'],
  ['GovCloud', {}, 'us-gov-west-1', 'aws-us-gov'],
];

/** The properties with which a second resource of the same name cannot be created. */
const nameProperties = /^(TableName|FunctionName|LogGroupName|AlarmName|TopicName|DashboardName|ManagedPolicyName)$/;

function physicalNames(stack: Stack): string[] {
  const resources: Readonly<Record<string, { readonly Properties?: object }>> =
    Template.fromStack(stack).toJSON()['Resources'];
  return Object.values(resources)
    .flatMap(({ Properties = {} }) => Object.entries(Properties))
    .flatMap(([property, value]) =>
      nameProperties.test(property) && !isReference(value) ? [JSON.stringify(value)] : [],
    );
}

/** A permission or a metric filter names another resource so. */
function isReference(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('Ref' in value || 'Fn::GetAtt' in value);
}

function expectDeployable(stack: Stack, partition?: string): void {
  const text = JSON.stringify(Template.fromStack(stack).toJSON());
  // A fixed partition would fail in China and GovCloud; the certificate is an ARN of the settings.
  const partitions = [...text.replaceAll('arn:aws:acm:', '').matchAll(/arn:(aws[a-z-]*):/g)].map(([, found]) => found);
  expect(partitions.filter(found => found !== partition)).toEqual([]);
  // CloudFormation's limits for a template body in S3 and for resources in a stack.
  expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
  const names = physicalNames(stack);
  expect(names).toEqual([...new Set(names)]);
}

const settings = settingsWith();
const rows = variants.map(([name, props, region, partition]) => ({ name, props, region, partition }));

describe('template', () => {
  test.each(rows)('$name: has no fixed partition and no duplicate name', ({ props, region, partition }) => {
    const place = region === undefined ? {} : { env: { account: '123456789012', region } };
    expectDeployable(new ErasureStack(appOfTests(), 'Ours', { settings, ...props, ...place }), partition);
  });

  test('settings that are valid but unusual: give a warning, without a value', () => {
    const projects = { main: project, eu: { baseUrl: 'https://eu9.api.voucherify.io' } };
    const stack = new ErasureStack(appOfTests(), 'Ours', { settings: settingsWith({ projects, platforms: {} }) });
    const warnings = Annotations.fromStack(stack)
      .findWarning('*', Match.stringLikeRegexp('settings:'))
      .map(({ entry }) => String(entry.data).replace(/ \[ack: .*/, ''));
    expect(warnings).toEqual([
      'settings: no platform is configured, so every request is refused',
      expect.stringMatching(/^settings: project eu: its baseUrl is of no shared cluster/),
    ]);
    expect(warnings.join()).not.toContain('eu9');
    expect(settingsWarnings(settings)).toEqual([]);
  });

  test('construct in another stack: has no fixed partition and no duplicate name', () => {
    const theirs = new Stack(appOfTests(), 'Theirs');
    new ErasureWebhook(theirs, 'Erasure', { settings });
    expectDeployable(theirs);
  });

  test('nested stack: has no fixed partition and no duplicate name', () => {
    const nested = new NestedStack(new Stack(appOfTests(), 'Parent'), 'Nested');
    new ErasureWebhook(nested, 'Erasure', { settings });
    expectDeployable(nested);
  });

  test('two stages in one stack: have different names', () => {
    const stack = new Stack(appOfTests(), 'Both');
    for (const stage of ['one', 'two']) new ErasureWebhook(stack, stage, { settings, stage });
    expectDeployable(stack);
  });

  test('two regions of one account: have different names where AWS has one namespace for both', () => {
    const stage = new Stage(appOfTests(), 'Place', { env: { account: '123456789012', region: 'eu-west-1' } });
    const template = Template.fromStack(new ErasureStack(stage, 'Ours', { settings }));
    for (const [type, property] of [
      ['AWS::CloudWatch::Dashboard', 'DashboardName'],
      ['AWS::IAM::ManagedPolicy', 'ManagedPolicyName'],
    ] as const) {
      for (const { Properties } of Object.values(template.findResources(type))) {
        expect(JSON.stringify(Properties[property])).toMatch(/eu-west-1|AWS::Region/);
      }
    }
  });
});
