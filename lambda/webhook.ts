import { type ApiGatewayHandler, apiGatewayHandler } from './aws/api-gateway.ts';
import { lambdaServices } from './aws/aws-services.ts';
import { errorReply, receive } from './request/receive.ts';
import type { Services } from './services.ts';

/** Creates the webhook's handler for API Gateway. AWS, local runs and tests use the same one. */
export function webhookHandler(services: () => Services): ApiGatewayHandler {
  return apiGatewayHandler({ receive, errorReply }, services);
}

export const handler: ApiGatewayHandler = webhookHandler(await lambdaServices(process.env));
