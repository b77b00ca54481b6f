import { type ApiGatewayHandler, apiGatewayHandler } from './aws/api-gateway.ts';
import { lambdaServices } from './aws/aws-services.ts';
import { errorReply, receive } from './request/receive.ts';
import { type ManualEvent, type ManualReply, receiveManual } from './request/receive-manual.ts';
import type { Services } from './services.ts';

/** The webhook's handler: of requests that come through API Gateway, and of those that an operator makes by hand. */
export type WebhookHandler = ApiGatewayHandler & ManualHandler;

type ManualHandler = (event: ManualEvent, context: Parameters<ApiGatewayHandler>[1]) => Promise<ManualReply>;

/** Creates the webhook's handler. AWS, local runs and tests use the same one. */
export function webhookHandler(services: () => Services): WebhookHandler {
  const receiveHttp = apiGatewayHandler({ receive, errorReply }, services);
  function handle(...[event, context]: Parameters<ApiGatewayHandler>): ReturnType<ApiGatewayHandler>;
  function handle(...[event, context]: Parameters<ManualHandler>): ReturnType<ManualHandler>;
  function handle(...[event, context]: Parameters<ApiGatewayHandler> | Parameters<ManualHandler>) {
    return isManualEvent(event) ? receiveManual(event, services()) : receiveHttp(event, context);
  }
  return handle;
}

/**
 * Returns whether an event is of {@link ManualEvent}'s kind, valid or not. API Gateway sets `httpMethod` and `requestContext`
 * in each of its events, and what a caller sends is text below other keys.
 */
function isManualEvent(event: object): event is ManualEvent {
  return 'manual' in event && !('httpMethod' in event) && !('requestContext' in event);
}

export const handler: WebhookHandler = webhookHandler(await lambdaServices(process.env));
