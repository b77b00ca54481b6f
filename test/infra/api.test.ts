import { describe, expect, test } from 'vitest';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, resources } = synthesised();
const [api] = of('AWS::ApiGateway::RestApi');
const [stage] = of('AWS::ApiGateway::Stage');

describe('API', () => {
  test('routes: the webhook by any method, invoked by this stage only', () => {
    const parts = of('AWS::ApiGateway::Resource').map(({ PathPart }) => PathPart);
    expect(parts).toEqual(['webhooks', '{platform}']);
    const methods = of('AWS::ApiGateway::Method');
    expect(methods.map(({ HttpMethod }) => HttpMethod)).toEqual(['ANY']);
    for (const { Integration } of methods) {
      expect(Integration.Type).toBe('AWS_PROXY');
      expect(readable(Integration.Uri)).toContain('erasure-webhook:live');
    }
    const callers = of('AWS::Lambda::Permission').filter(({ Principal }) => Principal === 'apigateway.amazonaws.com');
    expect(callers.map(({ SourceArn }) => String(readable(SourceArn)).split('/').slice(1).join('/'))).toEqual([
      'ApiDeploymentStagev1/*/webhooks/*',
    ]);
  });

  test('methods: the gateway validates nothing, because it compares header names case-sensitively', () => {
    for (const method of of('AWS::ApiGateway::Method')) {
      expect(method).not.toHaveProperty('RequestParameters');
      expect(method).not.toHaveProperty('RequestValidatorId');
    }
    expect(of('AWS::ApiGateway::RequestValidator')).toEqual([]);
  });

  test('endpoint: is regional, with TLS 1.2 or newer, and passes bytes unchanged', () => {
    expect(api).toMatchObject({
      BinaryMediaTypes: ['*/*'],
      EndpointConfiguration: { Types: ['REGIONAL'] },
      SecurityPolicy: 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09',
      EndpointAccessMode: 'STRICT',
    });
  });
});

test('API stage: is throttled and traced, and logs no data', () => {
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

describe('API route of events of customers', () => {
  const { of, readable } = synthesised({ settings: settingsWith({ reappearance: {} }) });

  test('route: POST only, to a function of its own', () => {
    expect(of('AWS::ApiGateway::Resource').map(({ PathPart }) => PathPart)).toEqual([
      ...['webhooks', '{platform}'],
      ...['events', '{project}'],
    ]);
    const post = of('AWS::ApiGateway::Method').find(({ HttpMethod }) => HttpMethod === 'POST');
    expect(readable(post.Integration.Uri)).toContain('arn(erasure-events)');
  });

  test('throttle: a million events fit into a day, and few run at once', () => {
    const [{ MethodSettings }] = of('AWS::ApiGateway::Stage');
    const own = MethodSettings.find((one: { HttpMethod: string }) => one.HttpMethod === 'POST');
    expect(own).toMatchObject({ ResourcePath: '/~1events~1{project}', LoggingLevel: 'ERROR', DataTraceEnabled: false });
    expect(own.ThrottlingRateLimit * 86_400).toBeGreaterThan(1_000_000);
    // A new account runs ten functions at once.
    expect(own.ThrottlingBurstLimit).toBeLessThanOrEqual(10);
  });
});

describe('API allowed addresses', () => {
  const allowing = (allowIps: string[]) => synthesised({ settings: settingsWith({ operations: { allowIps } }) });

  test('without a list: all addresses may call', () => {
    expect(api).not.toHaveProperty('Policy');
  });

  test('with a list: only its addresses may call', () => {
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

  test.each([
    { allowIps: ['192.0.2.0/24'], IpAddressType: 'ipv4' },
    { allowIps: ['192.0.2.0/24', '2001:db8::/32'], IpAddressType: 'dualstack' },
  ])('$allowIps: the endpoint is $IpAddressType', ({ allowIps, IpAddressType }) => {
    allowing(allowIps).template.hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: { Types: ['REGIONAL'], IpAddressType },
    });
  });
});

describe('API status route', () => {
  const generic = { authentication: { kind: 'standard-webhooks' } };
  const { of: withStatus } = synthesised({ settings: settingsWith({ platforms: { generic } }) });

  test('platform with a status route: GET only', () => {
    const parts = withStatus('AWS::ApiGateway::Resource').map(({ PathPart }) => PathPart);
    expect(parts).toEqual(['webhooks', '{platform}', '{requestId}']);
    expect(withStatus('AWS::ApiGateway::Method').map(({ HttpMethod }) => HttpMethod)).toEqual(['ANY', 'GET']);
  });

  test('platform with a route for withdrawals: GET and DELETE', () => {
    const authentication = { kind: 'header', header: 'X-Key' };
    const platforms = { generic: { authentication, withdrawAnswers: {} } };
    const { of } = synthesised({ settings: settingsWith({ platforms }) });
    const methods = of('AWS::ApiGateway::Method').map(({ HttpMethod }) => HttpMethod);
    expect(methods.toSorted()).toEqual(['ANY', 'DELETE', 'GET']);
  });

  test('tracing: is off at the gateway, because the path contains the request id', () => {
    expect(withStatus('AWS::ApiGateway::Stage')).toMatchObject([{ TracingEnabled: false }]);
    for (const { TracingConfig } of withStatus('AWS::Lambda::Function'))
      expect(TracingConfig).toEqual({ Mode: 'Active' });
  });
});

describe('API logs', () => {
  test('access log: has these fields, and no path, query, address or caller', () => {
    expect(JSON.parse(stage.AccessLogSetting.Format)).toEqual({
      requestId: '$context.extendedRequestId',
      requestTime: '$context.requestTime',
      httpMethod: '$context.httpMethod',
      resourcePath: '$context.resourcePath',
      status: '$context.status',
      responseType: '$context.error.responseType',
      responseLength: '$context.responseLength',
      responseLatency: '$context.responseLatency',
      integrationLatency: '$context.integrationLatency',
      integrationStatus: '$context.integrationStatus',
      functionRequestId: '$context.awsEndpointRequestId',
    });
  });

  test('retention: 90 days, and 30 for execution logs', () => {
    const kept = of('AWS::Logs::LogGroup').map(one => [readable(one.LogGroupName), one.RetentionInDays]);
    expect(Object.fromEntries(kept)).toMatchObject({
      '/aws/apigateway/erasure-access': 90,
      'API-Gateway-Execution-Logs_erasure/v1': 30,
    });
  });

  test('role: is created in a new account and survives the stack', () => {
    const ofType = (type: string) => Object.keys(resources).filter(id => resources[id].Type === type);
    const [account = ''] = ofType('AWS::ApiGateway::Account');
    const [role = ''] = ofType('AWS::IAM::Role').filter(id => id.includes('LogRole'));
    for (const id of [account, role]) expect(resources[id].DeletionPolicy).toBe('RetainExceptOnCreate');
    const [stageId = ''] = ofType('AWS::ApiGateway::Stage');
    expect(resources[stageId].DependsOn).toEqual([expect.stringMatching('ExecutionLogs'), account]);
  });

  test('role: an existing one is left unchanged', () => {
    synthesised({ apiLogRole: 'existing' }).template.resourceCountIs('AWS::ApiGateway::Account', 0);
  });
});

describe('API error answers', () => {
  const answers = of('AWS::ApiGateway::GatewayResponse');

  test('text: is fixed, without a variable of the request or error', () => {
    for (const { ResponseTemplates, ResponseParameters = {} } of answers) {
      expect(Object.keys(ResponseTemplates)).toEqual(['application/json']);
      expect(JSON.parse(ResponseTemplates['application/json'])).toEqual({ message: expect.any(String) });
      expect(JSON.stringify([ResponseTemplates, ResponseParameters])).not.toMatch(/\$|context|input|method\.request/);
    }
  });

  test('types: all are covered, and retryable ones have Retry-After', () => {
    const types = answers.map(({ ResponseType }) => ResponseType);
    expect(types).toEqual(expect.arrayContaining(['DEFAULT_4XX', 'DEFAULT_5XX', 'THROTTLED']));
    // API Gateway accepts no response of ours for this type.
    expect(types).not.toContain('REQUEST_TOO_LARGE');
    const retried = answers.filter(({ ResponseParameters }) => ResponseParameters !== undefined);
    expect(retried.map(({ ResponseType }) => ResponseType)).toEqual(['DEFAULT_5XX', 'THROTTLED']);
    for (const { ResponseParameters } of retried) {
      expect(ResponseParameters).toEqual({ 'gatewayresponse.header.Retry-After': "'60'" });
    }
  });
});
