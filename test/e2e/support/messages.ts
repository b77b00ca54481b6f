import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { type Answer, eventOf, jsonOrUndefined } from '../../support/event.ts';
import type { FunctionProcess } from './function-process.ts';

/** The value of the platform's secret, which the platform sends. */
export const ketchSecret = 'Bearer shared-secret-of-the-e2e-run';
export const callback = {
  url: 'https://dsr.ketch.com/callbacks/1',
  headers: { Authorization: 'Bearer callback-token' },
};

export interface Message {
  readonly uid?: string;
  readonly callbacks?: readonly (typeof callback)[];
  readonly secret?: string;
}

/** Returns a Ketch DeleteRequest for one person as API Gateway's REST proxy event, with a base64 body. */
export function deleteRequest(
  sourceId: string,
  { uid = randomUUID(), callbacks = [], secret = ketchSecret }: Message = {},
) {
  const identity = { identitySpace: 'account_id', identityFormat: 'raw', identityValue: sourceId };
  const body = {
    apiVersion: 'dsr/v1',
    kind: 'DeleteRequest',
    metadata: { uid, tenant: 'axonic' },
    request: {
      property: 'axonic.io',
      environment: 'production',
      regulation: 'gdpr',
      jurisdiction: 'eugdpr',
      identities: [identity],
      callbacks,
      subject: { email: `${sourceId}@example.com`, firstName: 'Erika', lastName: 'Example' },
      submittedTimestamp: Math.floor(Date.now() / 1000),
    },
  };
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: secret };
  const wire = { path: '/webhooks/ketch', headers, body: JSON.stringify(body) };
  return { ...proxied, ...eventOf(wire), path: wire.path };
}

/** The fields that API Gateway adds (Developer Guide, "Input format of a Lambda function for proxy integration"). */
const proxied = {
  resource: '/webhooks/{platform}',
  pathParameters: { platform: 'ketch' },
  queryStringParameters: null,
  multiValueQueryStringParameters: null,
  stageVariables: null,
  requestContext: {
    accountId: '123456789012',
    apiId: 'a1b2c3d4e5',
    httpMethod: 'POST',
    identity: { sourceIp: '198.51.100.7', userAgent: 'ketch' },
    path: '/v1/webhooks/ketch',
    protocol: 'HTTP/1.1',
    requestId: 'a1b2c3d4-0000-0000-0000-000000000000',
    resourceId: 'abc123',
    resourcePath: '/webhooks/{platform}',
    stage: 'v1',
  },
};

/** The event that EventBridge sends to the sweep. */
export const tick = {
  version: '0',
  id: '00000000-0000-0000-0000-000000000000',
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  account: '123456789012',
  time: '2026-01-15T12:00:00Z',
  region: 'eu-west-1',
  resources: ['arn:aws:events:eu-west-1:123456789012:rule/erasure-sweep'],
  detail: {},
};

const proxyResult = v.object({
  statusCode: v.number(),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  body: v.string(),
});

/** Sends one message; returns the reply as the platform gets it. Throws if it is not a proxy result. */
export async function send(webhook: FunctionProcess, event: unknown): Promise<Answer> {
  const { statusCode, headers, body } = v.parse(proxyResult, await webhook.invoke(event));
  const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return { status: statusCode, headers: Object.fromEntries(lowered), text: body, json: jsonOrUndefined(body) };
}

const standing = v.object({
  response: v.object({ status: v.string(), reason: v.exactOptional(v.string()), requestID: v.string() }),
});

/** Returns status, reason and receipt of a DeleteResponse. */
export function resultOf({ json }: Answer) {
  const { status, reason, requestID } = v.parse(standing, json).response;
  return { status, reason, receipt: requestID };
}
