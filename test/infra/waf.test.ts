import { describe, expect, test } from 'vitest';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, template } = synthesised({
  settings: settingsWith({ operations: { waf: true } }),
  stage: 'test',
});
const [acl] = of('AWS::WAFv2::WebACL');
const [rate, ...others] = acl.Rules;
const [stage] = of('AWS::ApiGateway::Stage');

test.each([{}, { waf: false }])('web ACL by default, web ACL: none, because it has a fixed cost', operations => {
  const { template: plain } = synthesised({ settings: settingsWith({ operations }) });
  plain.resourceCountIs('AWS::WAFv2::WebACL', 0);
  plain.resourceCountIs('AWS::WAFv2::WebACLAssociation', 0);
});

describe('web ACL', () => {
  test('association: protects the stage and allows by default', () => {
    expect(acl).toMatchObject({ Name: 'erasure-test', Scope: 'REGIONAL', DefaultAction: { Allow: {} } });
    const [{ ResourceArn, WebACLArn }] = of('AWS::WAFv2::WebACLAssociation');
    const arn = 'arn:AWS::Partition:apigateway:AWS::Region::/restapis/erasure-test/stages/ApiDeploymentStagev1';
    expect(readable(ResourceArn)).toMatch(new RegExp(`^${arn}`));
    expect(readable(WebACLArn)).toBe('arn(erasure-test)');
    template.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
  });

  test('rate: an address with half of the stage’s limit gets 429', () => {
    expect(rate.Statement).toEqual({
      RateBasedStatement: { AggregateKeyType: 'IP', EvaluationWindowSec: 60, Limit: 600 },
    });
    const { RateBasedStatement: counted } = rate.Statement;
    const [{ ThrottlingRateLimit }] = stage.MethodSettings;
    expect(counted.Limit / counted.EvaluationWindowSec).toBe(ThrottlingRateLimit / 2);
    expect(rate.Action).toEqual({
      Block: {
        CustomResponse: {
          ResponseCode: 429,
          CustomResponseBodyKey: 'too-many',
          ResponseHeaders: [{ Name: 'Retry-After', Value: '60' }],
        },
      },
    });
  });

  test('size: no rule, because WAF cannot inspect bodies as large as the function accepts', () => {
    expect(acl.AssociationConfig).toBeUndefined();
    expect(JSON.stringify(acl)).not.toContain('SizeConstraint');
  });

  test('rules: none inspects content, because names can look like anything', () => {
    expect(others).toEqual([]);
    expect(JSON.stringify(acl)).not.toMatch(/ManagedRuleGroup|Xss|Sqli|RegexPattern|ByteMatch/i);
  });

  test('answers: are fixed texts', () => {
    const texts = Object.entries(acl.CustomResponseBodies);
    expect(texts).toEqual([
      ['too-many', { ContentType: 'APPLICATION_JSON', Content: '{"message":"too many requests"}' }],
    ]);
  });

  test('requests: are counted, but not sampled or logged', () => {
    for (const one of [acl, rate]) {
      expect(one.VisibilityConfig).toEqual({
        CloudWatchMetricsEnabled: true,
        MetricName: one.Name,
        SampledRequestsEnabled: false,
      });
    }
    template.resourceCountIs('AWS::WAFv2::LoggingConfiguration', 0);
  });

  test('dashboard: shows each rule', () => {
    const [board] = of('AWS::CloudWatch::Dashboard');
    const text = String(readable(board.DashboardBody));
    expect(text).toContain('Requests blocked by the web ACL');
    for (const rule of ['erasure-test-rate']) {
      const metric = `"AWS/WAFV2","BlockedRequests","Region","AWS::Region","Rule","${rule}","WebACL","erasure-test"`;
      expect(text).toContain(metric);
    }
  });
});
