import { describe, expect, test } from 'vitest';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, resources } = synthesised();
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
      'ApiDeploymentStagev1/POST/webhooks/*',
      'ApiDeploymentStagev1/*/webhooks/*',
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

describe('logs of the gateway', () => {
  test('say these fields, and no path, query, address or caller', () => {
    expect(JSON.parse(stage.AccessLogSetting.Format)).toEqual({
      requestId: '$context.requestId',
      requestTime: '$context.requestTime',
      httpMethod: '$context.httpMethod',
      resourcePath: '$context.resourcePath',
      status: '$context.status',
      responseType: '$context.error.responseType',
      responseLength: '$context.responseLength',
      responseLatency: '$context.responseLatency',
      integrationLatency: '$context.integrationLatency',
      integrationStatus: '$context.integrationStatus',
      xrayTraceId: '$context.xrayTraceId',
    });
  });

  test('end after 90 days, and 30 for what API Gateway writes of its own', () => {
    const kept = of('AWS::Logs::LogGroup').map(one => [readable(one.LogGroupName), one.RetentionInDays]);
    expect(Object.fromEntries(kept)).toMatchObject({
      '/aws/apigateway/erasure-access': 90,
      'API-Gateway-Execution-Logs_erasure/v1': 30,
    });
  });

  test('can be written in a new account, by a role that stays when the stack goes', () => {
    const account = Object.values<{ Type: string }>(resources).find(({ Type }) => Type === 'AWS::ApiGateway::Account');
    expect(account).toMatchObject({ DeletionPolicy: 'Retain' });
    const stageDependsOn = Object.values<{ Type: string; DependsOn?: string[] }>(resources).find(
      ({ Type }) => Type === 'AWS::ApiGateway::Stage',
    )?.DependsOn;
    expect(stageDependsOn).toEqual([expect.stringMatching('ExecutionLogs'), expect.stringMatching('LogAccount')]);
  });

  test('leave the account’s role alone where it has one', () => {
    synthesised({ apiLogRole: 'existing' }).template.resourceCountIs('AWS::ApiGateway::Account', 0);
  });
});

describe('answers of the gateway itself', () => {
  const answers = of('AWS::ApiGateway::GatewayResponse');

  test('are fixed texts: no variable of the request or of an error is in them', () => {
    for (const { ResponseTemplates, ResponseParameters = {} } of answers) {
      expect(Object.keys(ResponseTemplates)).toEqual(['application/json']);
      expect(JSON.parse(ResponseTemplates['application/json'])).toEqual({ message: expect.any(String) });
      expect(JSON.stringify([ResponseTemplates, ResponseParameters])).not.toMatch(/\$|context|input|method\.request/);
    }
  });

  test('stand for every kind there is, and say when to come back', () => {
    const types = answers.map(({ ResponseType }) => ResponseType);
    expect(types).toEqual(expect.arrayContaining(['DEFAULT_4XX', 'DEFAULT_5XX', 'BAD_REQUEST_BODY', 'THROTTLED']));
    const retried = answers.filter(({ ResponseParameters }) => ResponseParameters !== undefined);
    expect(retried.map(({ ResponseType }) => ResponseType)).toEqual(['DEFAULT_5XX', 'THROTTLED']);
    for (const { ResponseParameters } of retried) {
      expect(ResponseParameters).toEqual({ 'gatewayresponse.header.Retry-After': "'60'" });
    }
  });
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
});
