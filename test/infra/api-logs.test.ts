import { describe, expect, test } from 'vitest';
import { synthesised } from './synthesised.ts';

const { of, readable, resources } = synthesised();
const [stage] = of('AWS::ApiGateway::Stage');

describe('logs of the gateway', () => {
  test('say these fields, and no path, query, address or caller', () => {
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

  test('end after 90 days, and 30 for what API Gateway writes of its own', () => {
    const kept = of('AWS::Logs::LogGroup').map(one => [readable(one.LogGroupName), one.RetentionInDays]);
    expect(Object.fromEntries(kept)).toMatchObject({
      '/aws/apigateway/erasure-access': 90,
      'API-Gateway-Execution-Logs_erasure/v1': 30,
    });
  });

  test('can be written in a new account, by a role that stays when the stack goes', () => {
    const ofType = (type: string) => Object.keys(resources).filter(id => resources[id].Type === type);
    const [account = ''] = ofType('AWS::ApiGateway::Account');
    expect(resources[account].DeletionPolicy).toBe('Retain');
    const [stageId = ''] = ofType('AWS::ApiGateway::Stage');
    expect(resources[stageId].DependsOn).toEqual([expect.stringMatching('ExecutionLogs'), account]);
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
