import { type ApiGatewayHandler, apiGatewayHandler } from './aws/api-gateway.ts';
import { lambdaServices } from './aws/aws-services.ts';
import { type EventServices, eventErrorReply, receiveEvent } from './reappearance/receive-event.ts';

/** Creates the handler of the events that Voucherify sends. AWS, local runs and tests use the same one. */
export function eventsHandler(services: () => EventServices): ApiGatewayHandler {
  return apiGatewayHandler({ receive: receiveEvent, errorReply: eventErrorReply }, services);
}

export const handler: ApiGatewayHandler = eventsHandler(await lambdaServices(process.env));
