import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  CfnAccount,
  LogGroupLogDestination,
  type RestApi,
  type StageOptions,
} from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from './nag.ts';

/**
 * All that an access log may say. No path, query or address: a path can name a request, and an address can name a
 * person. `resourcePath` is the route as it is written in the API, `responseType` one of the gateway's own words. The
 * plain `$context.requestId` and the trace's id are not here: callers can set them (API Gateway Developer Guide,
 * "Variables for access logging").
 */
const accessLogFields = {
  requestId: AccessLogField.contextExtendedRequestId(),
  requestTime: AccessLogField.contextRequestTime(),
  httpMethod: AccessLogField.contextHttpMethod(),
  resourcePath: AccessLogField.contextResourcePath(),
  status: AccessLogField.contextStatus(),
  responseType: AccessLogField.contextErrorResponseType(),
  responseLength: AccessLogField.contextResponseLength(),
  responseLatency: AccessLogField.contextResponseLatency(),
  integrationLatency: AccessLogField.contextIntegrationLatency(),
  integrationStatus: AccessLogField.contextIntegrationStatus(),
  functionRequestId: AccessLogField.contextAwsEndpointRequestId(),
} as const;

/** Part of every address, and of the execution log's name; the log is made first, so it cannot ask the stage. */
export const apiStage = 'v1';

/** The stage's access log, one JSON object a line. */
export function accessLog(scope: Construct, prefix: string) {
  const logGroup = new LogGroup(scope, 'AccessLogs', {
    logGroupName: `/aws/apigateway/${prefix}-access`,
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  return {
    accessLogDestination: new LogGroupLogDestination(logGroup),
    accessLogFormat: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
  } satisfies StageOptions;
}

/**
 * API Gateway makes this group itself and keeps it for ever, unless it is there (API Gateway Developer Guide, "Set up
 * CloudWatch logging for REST APIs").
 */
export function executionLog(api: RestApi): void {
  const logGroup = new LogGroup(api, 'ExecutionLogs', {
    logGroupName: `API-Gateway-Execution-Logs_${api.restApiId}/${apiStage}`,
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  api.deploymentStage.node.addDependency(logGroup);
}

/**
 * The role that API Gateway writes logs with, one per account and region: without it a stage with a log cannot be made.
 * It stays when the stack goes, because by then others may log with it.
 */
export function logRole(api: RestApi): void {
  const role = new Role(api, 'LogRole', {
    description: 'API Gateway of this account and region writes its logs with it.',
    assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(pushToLogs)],
  });
  role.applyRemovalPolicy(RemovalPolicy.RETAIN);
  acknowledge(
    role,
    `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${pushToLogs}]`,
    'API Gateway checks the role for what this policy holds, for the whole account; it is the one AWS documents.',
  );
  const account = new CfnAccount(api, 'LogAccount', { cloudWatchRoleArn: role.roleArn });
  account.applyRemovalPolicy(RemovalPolicy.RETAIN);
  api.deploymentStage.node.addDependency(account);
}

const pushToLogs = 'service-role/AmazonAPIGatewayPushToCloudWatchLogs';
