import { MethodLoggingLevel, RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Settings } from '../lambda/io/settings.ts';
import { openPlatforms } from '../lambda/platforms/index.ts';
import { gatewayResponses } from './api-answers.ts';
import { callerPolicy } from './api-callers.ts';
import { accessLog, apiStage, executionLog, logRole } from './api-logs.ts';
import { addRoutes } from './api-routes.ts';
import { requireTls12 } from './api-tls.ts';
import { acknowledge } from './nag.ts';

interface Behind {
  readonly webhook: IFunction;
  readonly settings: Settings;
  readonly apiLogRole: 'create' | 'existing';
}

/** Far above what platforms send, far below what would hurt the account's other functions. */
export const callsPerSecond = 20;

/** The address that platforms call. Any method reaches the function, which refuses all but POST in its own words. */
export function api(scope: Construct, prefix: string, { webhook, settings, apiLogRole }: Behind): RestApi {
  const tellsStatus = [...openPlatforms(settings.platforms).values()].some(platform => platform.hasStatusRoute);
  const created = new RestApi(scope, 'Api', {
    restApiName: prefix,
    description: 'Erasure requests from privacy platforms.',
    ...callerPolicy(settings.operations),
    // Signatures are over bytes, and the default path decodes them as text.
    binaryMediaTypes: ['*/*'],
    cloudWatchRole: false,
    deployOptions: {
      stageName: apiStage,
      throttlingRateLimit: callsPerSecond,
      throttlingBurstLimit: 2 * callsPerSecond,
      // The gateway's part of a trace holds the address that was called; the function's part, always traced, does not.
      tracingEnabled: !tellsStatus,
      loggingLevel: MethodLoggingLevel.ERROR,
      // Full request and response data would be bodies.
      dataTraceEnabled: false,
      ...accessLog(scope, prefix),
    },
  });
  // CDK's own output of the address, which here is the webhook's.
  created.node.tryRemoveChild('Endpoint');
  requireTls12(created);
  gatewayResponses(created);
  executionLog(created);
  if (apiLogRole === 'create') logRole(created);
  addRoutes(created, webhook, { status: tellsStatus });
  if (settings.operations.waf !== true) acknowledge(created.deploymentStage, 'AwsSolutions-APIG3', noFirewall);
  if (tellsStatus) acknowledge(created.deploymentStage, 'Serverless-APIGWXrayEnabled', untraced);
  return created;
}

const noFirewall =
  'A web ACL costs about as much a month as the rest of this stack. Forged calls are refused before any look-up, the stage is ' +
  'throttled, bodies are capped in the function, and settings can list the addresses that may call.';
const untraced =
  "With a route that names a request in its path, the gateway's trace would hold what a caller chose to call it. The " +
  'function is traced all the same.';
