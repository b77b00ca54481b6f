import {
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  MethodLoggingLevel,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type Settings, SettingsError } from '../lambda/io/settings.ts';
import { fixedAnswers } from './api-answers.ts';
import { accessLog, apiStage, executionLog, logRole } from './api-logs.ts';
import { requireTls12 } from './api-tls.ts';
import { acknowledge } from './nag.ts';

interface Behind {
  readonly webhook: IFunction;
  readonly settings: Settings;
  readonly apiLogRole: 'create' | 'existing';
}

/** The address that platforms call. Any method reaches the function, which refuses all but POST in its own words. */
export function api(scope: Construct, prefix: string, { webhook, settings, apiLogRole }: Behind): RestApi {
  const created = new RestApi(scope, 'Api', {
    restApiName: prefix,
    description: 'Erasure requests from privacy platforms.',
    endpointTypes: [EndpointType.REGIONAL],
    // Signatures are over bytes, and the default path decodes them as text.
    binaryMediaTypes: ['*/*'],
    cloudWatchRole: false,
    ...allowedFrom(settings.operations.allowIps),
    deployOptions: {
      stageName: apiStage,
      // Far above what platforms send, far below what would hurt the account's other functions.
      throttlingRateLimit: 20,
      throttlingBurstLimit: 40,
      // A trace names the address that was called, in which nothing but the platform stands.
      tracingEnabled: true,
      loggingLevel: MethodLoggingLevel.ERROR,
      // Full request and response data would be bodies.
      dataTraceEnabled: false,
      ...accessLog(scope, prefix),
    },
  });
  // CDK's own output of the address, which here is the webhook's.
  created.node.tryRemoveChild('Endpoint');
  requireTls12(created);
  fixedAnswers(created);
  executionLog(created);
  if (apiLogRole === 'create') logRole(created);
  addRoute(created, webhook);
  acknowledge(created.deploymentStage, 'AwsSolutions-APIG3', noFirewall);
  return created;
}

/** Addresses are only asked for where settings list them: few platforms publish theirs. */
function allowedFrom(ranges: readonly string[] | undefined) {
  if (ranges === undefined) return {};
  if (ranges.length === 0) throw new SettingsError(['operations.allowIps: must hold at least one range']);
  const statement = new PolicyStatement({
    sid: 'OnlyFromListedAddresses',
    principals: [new AnyPrincipal()],
    actions: ['execute-api:Invoke'],
    // Filled in with this API's own ARN (API Gateway Developer Guide, "Resource policy examples").
    resources: ['execute-api:/*'],
    conditions: { IpAddress: { 'aws:SourceIp': [...ranges] } },
  });
  return { policy: new PolicyDocument({ statements: [statement] }) };
}

/**
 * `POST` asks for what can be asked here: that a content type is declared. Which one, and how large a body may be, is
 * the function's to judge; without a firewall API Gateway itself only stops at 10 MB.
 */
function addRoute(to: RestApi, webhook: IFunction): void {
  const platform = to.root.addResource('webhooks').addResource('{platform}');
  const integration = new LambdaIntegration(webhook, { proxy: true, allowTestInvoke: false });
  const requestValidator = to.addRequestValidator('Declared', {
    validateRequestParameters: true,
    validateRequestBody: true,
  });
  const methods = [
    platform.addMethod('POST', integration, {
      authorizationType: AuthorizationType.NONE,
      requestValidator,
      requestParameters: { 'method.request.header.Content-Type': true },
    }),
    platform.addMethod('ANY', integration, { authorizationType: AuthorizationType.NONE }),
  ];
  for (const method of methods) {
    for (const rule of ['AwsSolutions-APIG4', 'AwsSolutions-COG4']) acknowledge(method, rule, authorisedInside);
  }
}

const authorisedInside =
  'Each platform proves itself in its own way over the raw body, which no authorizer of API Gateway is given; the ' +
  'function verifies it before anything is parsed, looked up or written.';
const noFirewall =
  'A web ACL costs more a month than the rest of this stack. Forged calls are refused before any look-up, the stage is ' +
  'throttled, bodies are capped in the function, and settings can list the addresses that may call.';
