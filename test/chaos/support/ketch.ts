import type { GatewayEvent } from '../../../lambda/aws/api-gateway.ts';
import { eventOf } from '../../support/event.ts';
import type { Ask } from './people.ts';
import { callbackOrigin, callbackTo } from './receiver.ts';

const secret = 'Bearer ketch-secret-of-the-chaos';
const tenant = 'axonic';

/** The secret's text and the section of the settings that serve these requests. */
export const ketchSecret = JSON.stringify({ current: secret });
export const ketchSection = {
  tenants: [tenant],
  environments: ['production'],
  identities: { account_id: 'source_id', customer: 'customer_id', email: 'email', phone: 'phone' },
  callbackOrigins: [callbackOrigin],
};

/** The DeleteRequest of an ask, as API Gateway hands it over. */
export function deliveryOf(ask: Ask): GatewayEvent {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: secret };
  return eventOf({ path: '/webhooks/ketch', headers, body: JSON.stringify(bodyOf(ask, callbackOrigin)) });
}

/** The body of the request, with callbacks to this origin. */
export function bodyOf({ uid, identities, submittedAt, callbacks }: Ask, origin: string) {
  return {
    apiVersion: 'dsr/v1',
    kind: 'DeleteRequest',
    metadata: { uid, tenant },
    request: {
      environment: 'production',
      identities,
      callbacks: Array.from({ length: callbacks }, (_, index) => callbackTo(origin, index)),
      submittedTimestamp: submittedAt,
      dueTimestamp: submittedAt + 30 * 86_400,
    },
  };
}
