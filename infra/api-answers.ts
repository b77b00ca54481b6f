import { ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway';
import { retryAfterSeconds } from '../lambda/failure.ts';

/** For what the firewall turns away too. */
export const gatewayMessages = { tooLarge: 'the body is too large', tooMany: 'too many requests' } as const;

/**
 * What API Gateway answers when the function is not asked. Its own texts can quote the request, these cannot: none has
 * a variable in it. The two defaults stand for every kind that is not listed.
 */
export function gatewayResponses(api: RestApi): void {
  answer(api, ResponseType.DEFAULT_4XX, { message: 'refused' });
  answer(api, ResponseType.DEFAULT_5XX, { message: 'unavailable', retry: true });
  answer(api, ResponseType.BAD_REQUEST_BODY, { message: 'the body is not acceptable' });
  answer(api, ResponseType.BAD_REQUEST_PARAMETERS, { message: 'Content-Type: must be declared' });
  answer(api, ResponseType.REQUEST_TOO_LARGE, { message: gatewayMessages.tooLarge });
  answer(api, ResponseType.THROTTLED, { message: gatewayMessages.tooMany, retry: true });
  // Its name comes from IAM; what it says is that no such route exists.
  answer(api, ResponseType.MISSING_AUTHENTICATION_TOKEN, { message: 'not found', statusCode: '404' });
}

interface Answer {
  readonly message: string;
  readonly statusCode?: string;
  readonly retry?: boolean;
}

function answer(api: RestApi, type: ResponseType, { message, statusCode, retry = false }: Answer): void {
  api.addGatewayResponse(`Answer-${type.responseType}`, {
    type,
    ...(statusCode === undefined ? {} : { statusCode }),
    ...(retry ? { responseHeaders: { 'Retry-After': `'${retryAfterSeconds}'` } } : {}),
    templates: { 'application/json': JSON.stringify({ message }) },
  });
}
