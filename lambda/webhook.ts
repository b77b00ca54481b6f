import { deployedParts } from './io/aws-ports.ts';
import { type GatewayHandler, gatewayHandler } from './io/gateway.ts';
import type { Parts } from './parts.ts';
import { receive, refuse } from './receive.ts';

/** The request line behind API Gateway; the same handler on AWS, on your machine and in the tests. */
export function webhookHandler(parts: () => Parts): GatewayHandler {
  return gatewayHandler({
    receive: request => receive(request, parts()),
    refuse: (request, failure) => refuse(request, failure, parts()),
  });
}

export const handler: GatewayHandler = webhookHandler(await deployedParts(process.env));
