import { lambdaServices } from './io/aws-ports.ts';
import { type ApiGatewayHandler, apiGatewayHandler } from './io/gateway.ts';
import type { Services } from './parts.ts';
import { errorReply, receive } from './receive.ts';

/** The request line behind API Gateway; the same handler on AWS, on your machine and in the tests. */
export function webhookHandler(services: () => Services): ApiGatewayHandler {
  return apiGatewayHandler({
    receive: request => receive(request, services()),
    refuse: (request, failure) => errorReply(request, failure, services()),
  });
}

export const handler: ApiGatewayHandler = webhookHandler(await lambdaServices(process.env));
