import type { APIGatewayProxyResult, Context } from 'aws-lambda';
import { apiGatewayHandler, type GatewayEvent } from './aws/api-gateway.ts';
import { lambdaServices } from './aws/aws-services.ts';
import { isManualEvent, type ManualEvent, type ManualReply } from './request/manual-event.ts';
import { errorReply, receive } from './request/receive.ts';
import { receiveManual } from './request/receive-manual.ts';
import type { Services } from './services.ts';

/** The webhook's handler: of requests that come through API Gateway, and of those that an operator makes by hand. */
export interface WebhookHandler {
  (event: GatewayEvent, context: Context): Promise<APIGatewayProxyResult>;
  (event: ManualEvent, context: Context): Promise<ManualReply>;
}

/** Creates the webhook's handler. AWS, local runs and tests use the same one. */
export function webhookHandler(services: () => Services): WebhookHandler {
  const receiveHttp = apiGatewayHandler({ receive, errorReply }, services);
  function handle(event: GatewayEvent, context: Context): Promise<APIGatewayProxyResult>;
  function handle(event: ManualEvent, context: Context): Promise<ManualReply>;
  function handle(event: GatewayEvent | ManualEvent, context: Context): Promise<APIGatewayProxyResult | ManualReply> {
    return isManualEvent(event) ? receiveManual(event, services()) : receiveHttp(event, context);
  }
  return handle;
}

export const handler: WebhookHandler = webhookHandler(await lambdaServices(process.env));
