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
import { FilterPattern, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { eventRefusals, gatewayRefusals } from './metrics.ts';
import { acknowledge } from './nag.ts';

/**
 * The fields of an access log line. No path, query or IP address: a path can name a request, and an address can identify
 * a person. `resourcePath` is the route template, `responseType` a constant of API Gateway. `$context.requestId` and the
 * trace id are left out, because callers can set them (API Gateway Developer Guide, "Variables for access logging").
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

/** The route of events of customers. Their refusals are counted apart: a flood of events delays no erasure. */
export const eventsPath = '/events/{project}';

/** Part of every URL and of the execution log's name. A constant: the log group is created before the stage. */
export const apiStage = 'v1';

/** Creates the stage's access log: one JSON object per line. Refusals are counted. */
export function createAccessLog(scope: Construct, prefix: string, receivesEvents: boolean) {
  const logGroup = new LogGroup(scope, 'AccessLogs', {
    logGroupName: `/aws/apigateway/${prefix}-access`,
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  countRefusals(logGroup, prefix, receivesEvents);
  return {
    accessLogDestination: new LogGroupLogDestination(logGroup),
    accessLogFormat: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
  } satisfies StageOptions;
}

/**
 * Counts requests that API Gateway refused itself: by the list of addresses, the throttle, the size limit, or because it may
 * not invoke the function. `-` means that the function replied. Scanners request unknown routes all the time, and a web ACL
 * blocks unwanted requests by design and has its own metrics, so neither counts.
 */
function countRefusals(logs: LogGroup, metricNamespace: string, receivesEvents: boolean): void {
  const others = ['-', 'MISSING_AUTHENTICATION_TOKEN', 'WAF_FILTERED'].map(type => `($.responseType != "${type}")`);
  const count = (id: string, metricName: string, ...path: readonly string[]) =>
    logs.addMetricFilter(id, {
      filterPattern: FilterPattern.literal(`{ ${[...others, ...path].join(' && ')} }`),
      metricNamespace,
      metricName,
      metricValue: '1',
    });
  if (!receivesEvents) {
    count('Refusals', gatewayRefusals);
    return;
  }
  count('Refusals', gatewayRefusals, `($.resourcePath != "${eventsPath}")`);
  count('EventRefusals', eventRefusals, `($.resourcePath = "${eventsPath}")`);
}

/**
 * Creates the execution log group with a retention period. API Gateway would create a missing group itself, without one
 * (API Gateway Developer Guide, "Set up CloudWatch logging for REST APIs").
 */
export function createExecutionLog(api: RestApi): void {
  const logGroup = new LogGroup(api, 'ExecutionLogs', {
    logGroupName: `API-Gateway-Execution-Logs_${api.restApiId}/${apiStage}`,
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  api.deploymentStage.node.addDependency(logGroup);
}

/**
 * Creates the role that API Gateway writes logs with, one per account and region; a stage with logs cannot be created
 * without it. It is retained when the stack is deleted, because other APIs may use it by then.
 */
export function createLogRole(api: RestApi): void {
  const role = new Role(api, 'LogRole', {
    description: 'Lets API Gateway of this account and region write logs.',
    assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(pushToLogs)],
  });
  role.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
  acknowledge(
    role,
    `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${pushToLogs}]`,
    'API Gateway requires the permissions of this managed policy for the whole account; AWS documents this policy.',
  );
  const account = new CfnAccount(api, 'LogAccount', { cloudWatchRoleArn: role.roleArn });
  account.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
  api.deploymentStage.node.addDependency(account);
}

const pushToLogs = 'service-role/AmazonAPIGatewayPushToCloudWatchLogs';
