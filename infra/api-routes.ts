import {
  AuthorizationType,
  type IResource,
  LambdaIntegration,
  type MethodOptions,
  type RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { acknowledge } from './nag.ts';

/**
 * `/webhooks/{platform}`, and below it the status of one request where a platform tells it. `POST` asks for what can be
 * asked here: that a content type is declared. Which one, and how large a body may be, is the function's to judge;
 * without a firewall API Gateway itself only stops at 10 MB.
 */
export function addRoutes(to: RestApi, webhook: IFunction, { status }: { readonly status: boolean }): void {
  const platform = to.root.addResource('webhooks').addResource('{platform}');
  const integration = new LambdaIntegration(webhook, { proxy: true, allowTestInvoke: false });
  const requestValidator = to.addRequestValidator('Declared', {
    validateRequestParameters: true,
    validateRequestBody: true,
  });
  const requestParameters = { 'method.request.header.Content-Type': true };
  addMethod(platform, 'POST', integration, { requestValidator, requestParameters });
  addMethod(platform, 'ANY', integration);
  if (status) addMethod(platform.addResource('{requestId}'), 'GET', integration);
}

function addMethod(to: IResource, verb: string, integration: LambdaIntegration, options: MethodOptions = {}): void {
  const method = to.addMethod(verb, integration, { ...options, authorizationType: AuthorizationType.NONE });
  for (const rule of ['AwsSolutions-APIG4', 'AwsSolutions-COG4']) acknowledge(method, rule, authorisedInside);
}

const authorisedInside =
  'Each platform proves itself in its own way over the raw body, which no authorizer of API Gateway is given; the ' +
  'function verifies it before anything is parsed, looked up or written.';
