import { describe, expect, test } from 'vitest';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable } = synthesised();
const [api] = of('AWS::ApiGateway::RestApi');
const [stage] = of('AWS::ApiGateway::Stage');

describe('what can be reached', () => {
  test('is the webhook by any method, and by nothing but this stage', () => {
    const parts = of('AWS::ApiGateway::Resource').map(({ PathPart }) => PathPart);
    expect(parts).toEqual(['webhooks', '{platform}']);
    const methods = of('AWS::ApiGateway::Method');
    expect(methods.map(({ HttpMethod }) => HttpMethod)).toEqual(['POST', 'ANY']);
    for (const { Integration } of methods) {
      expect(Integration.Type).toBe('AWS_PROXY');
      expect(readable(Integration.Uri)).toContain('arn(erasure-webhook)');
    }
    const callers = of('AWS::Lambda::Permission').filter(({ Principal }) => Principal === 'apigateway.amazonaws.com');
    expect(callers.map(({ SourceArn }) => String(readable(SourceArn)).split('/').slice(1).join('/'))).toEqual([
      ...['ApiDeploymentStagev1/POST/webhooks/*', 'ApiDeploymentStagev1/*/webhooks/*'],
    ]);
  });

  test('a POST declares its content type; other methods are the function’s to refuse', () => {
    const [post, any] = of('AWS::ApiGateway::Method');
    expect(post.RequestParameters).toEqual({ 'method.request.header.Content-Type': true });
    expect(post.RequestValidatorId).toBeDefined();
    expect(any).not.toHaveProperty('RequestValidatorId');
  });

  test('bytes stay bytes, over TLS 1.2 at least, in the region', () => {
    expect(api).toMatchObject({
      BinaryMediaTypes: ['*/*'],
      EndpointConfiguration: { Types: ['REGIONAL'] },
      SecurityPolicy: 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09',
      EndpointAccessMode: 'STRICT',
    });
  });
});

test('the stage is throttled and traced, and logs no data', () => {
  expect(stage.TracingEnabled).toBe(true);
  expect(stage.MethodSettings).toEqual([
    {
      HttpMethod: '*',
      ResourcePath: '/*',
      ThrottlingRateLimit: 20,
      ThrottlingBurstLimit: 40,
      LoggingLevel: 'ERROR',
      DataTraceEnabled: false,
    },
  ]);
});

describe('addresses that may call', () => {
  const allowing = (allowIps: string[]) => synthesised({ settings: settingsWith({ operations: { allowIps } }) });

  test('are all, where settings list none', () => {
    expect(api).not.toHaveProperty('Policy');
  });

  test('are those that settings list', () => {
    allowing(['192.0.2.0/24', '2001:db8::/32']).template.hasResourceProperties('AWS::ApiGateway::RestApi', {
      Policy: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'OnlyFromListedAddresses',
            Effect: 'Allow',
            Principal: { AWS: '*' },
            Action: 'execute-api:Invoke',
            Resource: 'execute-api:/*',
            Condition: { IpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '2001:db8::/32'] } },
          },
        ],
      },
    });
  });

  test('an empty list is refused: it could mean all or none', () => {
    expect(() => allowing([])).toThrow('settings: operations.allowIps: must hold at least one range');
  });

  test.each([
    { allowIps: ['192.0.2.0/24'], IpAddressType: 'ipv4' },
    { allowIps: ['192.0.2.0/24', '2001:db8::/32'], IpAddressType: 'dualstack' },
  ])('reach it over $IpAddressType with $allowIps', ({ allowIps, IpAddressType }) => {
    allowing(allowIps).template.hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: { Types: ['REGIONAL'], IpAddressType },
    });
  });
});

describe('the status of one request', () => {
  const generic = { scheme: 'standard-webhooks' };
  const { of: withStatus } = synthesised({ settings: settingsWith({ platforms: { generic } }) });

  test('can be asked for where a platform tells it, and by GET alone', () => {
    const parts = withStatus('AWS::ApiGateway::Resource').map(({ PathPart }) => PathPart);
    expect(parts).toEqual(['webhooks', '{platform}', '{requestId}']);
    expect(withStatus('AWS::ApiGateway::Method').map(({ HttpMethod }) => HttpMethod)).toEqual(['POST', 'ANY', 'GET']);
  });

  test('puts a request into the address, so the gateway is not traced', () => {
    expect(withStatus('AWS::ApiGateway::Stage')).toMatchObject([{ TracingEnabled: false }]);
    for (const { TracingConfig } of withStatus('AWS::Lambda::Function'))
      expect(TracingConfig).toEqual({ Mode: 'Active' });
  });
});
