import { Aws, Duration } from 'aws-cdk-lib';
import {
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  type Method,
  MethodLoggingLevel,
  type Resource,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Settings } from '../lambda/io/settings.ts';
import { accessLog, executionLog, logRole } from './api-logs.ts';
import { fixedAnswers } from './api-answers.ts';
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
      stageName: stage,
      // Far above what platforms send, far below what would hurt the account's other functions.
      throttlingRateLimit: 20,
      throttlingBurstLimit: 40,
      tracingEnabled: true,
      loggingLevel: MethodLoggingLevel.ERROR,
      // Full request and response data would be bodies.
      dataTraceEnabled: false,
      ...accessLog(scope, prefix),
    },
  });
  requireTls12(created);
  fixedAnswers(created);
  executionLog(created);
  if (apiLogRole === 'create') logRole(created);
  addRoute(created, webhook);
  acknowledge(created.deploymentStage, 'AwsSolutions-APIG3', noFirewall);
  return created;
}
