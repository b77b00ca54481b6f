import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  AuthorizationType,
  CfnAccount,
  type IResource,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  ResponseType,
  RestApi,
  type StageOptions,
} from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { retryAfterSeconds } from '../../lambda/domain/failure.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { Settings } from '../../lambda/settings.ts';
import { accessProps, requireTls12 } from './api-access.ts';
import { eventRefusals, gatewayRefusals } from './metrics.ts';
import { acknowledge } from './nag.ts';

interface ApiOptions {
  readonly webhook: IFunction;
  /** Absent if no events of customers are received. */
  readonly events?: IFunction;
  readonly settings: Settings;
  readonly apiLogRole: 'create' | 'existing';
}

/** Far above what platforms send, and far below what would affect other functions of the account. */
export const callsPerSecond = 20;

/**
 * Events of customers in a second, and at once. A million of them, from an import, are taken within Voucherify's day of
 * repeats. At once there are few, because they share the account's concurrency with the erasures.
 */
const eventMethod = {
  throttlingRateLimit: 50,
  throttlingBurstLimit: 10,
  // A method with settings of its own has none of the stage's.
  loggingLevel: MethodLoggingLevel.ERROR,
  dataTraceEnabled: false,
} as const;

/** Creates the API that platforms call. The function receives every method and itself rejects all but POST. */
export function createApi(
  scope: Construct,
  prefix: string,
  { webhook, events, settings, apiLogRole }: ApiOptions,
): RestApi {
  const platforms = [...openPlatforms(settings.platforms).values()];
  const requestMethods = [
    ...(platforms.some(platform => platform.hasStatusRoute) ? ['GET'] : []),
    ...(platforms.some(platform => platform.hasWithdrawalRoute) ? ['DELETE'] : []),
  ];
  const hasRequestRoute = requestMethods.length > 0;
  const created = new RestApi(scope, 'Api', {
    restApiName: prefix,
    description: 'Erasure requests from privacy platforms.',
    ...accessProps(settings.operations),
    // Signatures cover the raw bytes; by default API Gateway decodes a body as text.
    binaryMediaTypes: ['*/*'],
    cloudWatchRole: false,
    deployOptions: {
      stageName: apiStage,
      throttlingRateLimit: callsPerSecond,
      throttlingBurstLimit: 2 * callsPerSecond,
      ...(events === undefined ? {} : { methodOptions: { [`${eventsPath}/POST`]: eventMethod } }),
      // API Gateway's segment of a trace holds the URL; the function's segment, which is always recorded, does not.
      tracingEnabled: !hasRequestRoute,
      loggingLevel: MethodLoggingLevel.ERROR,
      // Full request and response data would include bodies.
      dataTraceEnabled: false,
      ...createAccessLog(scope, prefix, events !== undefined),
    },
  });
  // The stack outputs the webhook's URL instead of CDK's default endpoint output.
  created.node.tryRemoveChild('Endpoint');
  requireTls12(created);
  setGatewayResponses(created);
  createExecutionLog(created);
  if (apiLogRole === 'create') createLogRole(created);
  addRoutes(created, webhook, requestMethods);
  if (events !== undefined) addEventRoute(created, events);
  acknowledge(created, 'AwsSolutions-APIG2', validatedInFunction);
  if (settings.operations.waf !== true) acknowledge(created.deploymentStage, 'AwsSolutions-APIG3', noWebAcl);
  if (hasRequestRoute) acknowledge(created.deploymentStage, 'Serverless-APIGWXrayEnabled', statusRouteUntraced);
  return created;
}

const noWebAcl =
  'A web ACL costs about as much per month as the rest of this stack. Forged requests are refused before any look-up, the ' +
  'stage is throttled, the function limits the body size, and the settings can list the allowed addresses.';
const validatedInFunction =
  'API Gateway compares header names case-sensitively when it validates a request, so it would refuse valid requests. The ' +
  'function checks the content type, the size and every field.';
const statusRouteUntraced =
  "The status route has a request id in its path, so API Gateway's trace would hold a value that the caller chose. The " +
  'function is still traced.';

/**
 * Adds `/webhooks/{platform}`, and the route of one request with the methods that a platform has for it. The function
 * checks the content type and the body size; without a web ACL, API Gateway itself accepts bodies up to 10 MB.
 */
function addRoutes(api: RestApi, webhook: IFunction, requestMethods: readonly string[]): void {
  const platform = api.root.addResource('webhooks').addResource('{platform}');
  const integration = new LambdaIntegration(webhook, { proxy: true, allowTestInvoke: false });
  addMethod(platform, 'ANY', integration);
  if (requestMethods.length === 0) return;
  const request = platform.addResource('{requestId}');
  for (const method of requestMethods) addMethod(request, method, integration);
}

/** Adds `/events/{project}`, which only Voucherify calls. */
function addEventRoute(api: RestApi, events: IFunction): void {
  const resource = api.root.resourceForPath(eventsPath);
  addMethod(resource, 'POST', new LambdaIntegration(events, { proxy: true, allowTestInvoke: false }));
}

function addMethod(to: IResource, verb: string, integration: LambdaIntegration): void {
  const method = to.addMethod(verb, integration, { authorizationType: AuthorizationType.NONE });
  for (const rule of ['AwsSolutions-APIG4', 'AwsSolutions-COG4']) acknowledge(method, rule, authorizedInFunction);
}

const authorizedInFunction =
  'Each platform authenticates with a header or a signature over the raw body, which API Gateway passes to no ' +
  'authorizer. The function verifies it before it parses, looks up or writes anything.';

/** Also used by the web ACL. */
export const gatewayMessages = { tooLarge: 'the body is too large', tooMany: 'too many requests' } as const;

/**
 * Sets what API Gateway replies when it does not invoke the function. Its default texts can quote the request; these
 * contain no variables. The two defaults apply to every type that is not listed, except REQUEST_TOO_LARGE, which cannot be
 * customized (API Gateway Developer Guide, "Gateway response types").
 */
function setGatewayResponses(api: RestApi): void {
  setResponse(api, ResponseType.DEFAULT_4XX, { message: 'refused' });
  setResponse(api, ResponseType.DEFAULT_5XX, { message: 'unavailable', retry: true });
  setResponse(api, ResponseType.THROTTLED, { message: gatewayMessages.tooMany, retry: true });
  // Despite its name, API Gateway also sends this type for a route that does not exist.
  setResponse(api, ResponseType.MISSING_AUTHENTICATION_TOKEN, { message: 'not found', statusCode: '404' });
}

interface GatewayReply {
  readonly message: string;
  readonly statusCode?: string;
  readonly retry?: boolean;
}

function setResponse(api: RestApi, type: ResponseType, { message, statusCode, retry = false }: GatewayReply): void {
  api.addGatewayResponse(`Answer-${type.responseType}`, {
    type,
    ...(statusCode === undefined ? {} : { statusCode }),
    ...(retry ? { responseHeaders: { 'Retry-After': `'${retryAfterSeconds}'` } } : {}),
    templates: { 'application/json': JSON.stringify({ message }) },
  });
}

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
const eventsPath = '/events/{project}';

/** Part of every URL and of the execution log's name. A constant: the log group is created before the stage. */
const apiStage = 'v1';

/** Creates the stage's access log: one JSON object per line. Refusals are counted. */
function createAccessLog(scope: Construct, prefix: string, receivesEvents: boolean) {
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
function createExecutionLog(api: RestApi): void {
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
function createLogRole(api: RestApi): void {
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
