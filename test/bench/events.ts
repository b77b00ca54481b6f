import { createHmac } from 'node:crypto';
import { awsAdapters } from '../../lambda/aws/aws-services.ts';
import { eventsHandler } from '../../lambda/events.ts';
import { createServices } from '../../lambda/services.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { answers, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { customerEvent } from '../support/customer-events.ts';
import { contextWith } from '../support/event.ts';
import { markdown, summary } from './statistics.ts';

const secret = 'event-secret-of-the-bench-1a2b3c';
const warmUp = 300;

/**
 * Measures events of customers who match no erased person, one after the other as on one instance of the function. The
 * adapters are those of AWS; a server in this process takes the place of DynamoDB, so its time is included.
 */
export async function events(times: number): Promise<string> {
  const aws = await startAwsEndpoint(answers(200, { Items: [] }));
  const handler = eventsHandler(servicesAt(aws.endpoint));
  const ms: number[] = [];
  let startedAt = performance.now();
  let calls = 0;
  for (let number = -warmUp; number < times; number += 1) {
    if (number === 0) [startedAt, calls] = [performance.now(), aws.operations.length];
    const begun = performance.now();
    const { statusCode } = await handler(eventOf(number), contextWith(9000));
    if (statusCode !== 204) throw new Error(`the event got ${statusCode}`);
    if (number >= 0) ms.push(performance.now() - begun);
  }
  const { median, p99 } = summary(ms);
  const seconds = (performance.now() - startedAt) / 1000;
  const reads = (aws.operations.length - calls) / times;
  await aws.stop();
  const row = ['events', (times / seconds).toFixed(0), median.toFixed(2), p99.toFixed(2), reads.toFixed(2)];
  return markdown([['one instance', 'in a second', 'p50, ms', 'p99, ms', 'calls of DynamoDB for each'], row]);
}

function servicesAt(endpoint: string) {
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
  const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
  const settings = parseSettings(JSON.stringify({ projects, platforms: {}, reappearance: {} }), 'deployed');
  const names = { settings, secretArns: {}, tables: { receipts: 'receipts', identifiers: 'identifiers' } };
  const clientOptions = { endpoint, region: 'eu-west-1', credentials };
  const secrets = new Map([
    ['erasure/events/main', JSON.stringify({ current: secret })],
    ['erasure/pepper', 'pepper-of-the-bench-with-more-than-43-characters'],
  ]);
  const readSecret = async (name: string) => secrets.get(name) ?? '';
  const adapters = awsAdapters(names, Date.now, { write: () => undefined, clientOptions });
  const services = createServices({ ...adapters, readSecret });
  return () => services;
}

function eventOf(number: number) {
  const person = { source_id: `crm-${number}`, email: `person-${number}@example.com` };
  const customer = { id: `cust_Event${String(number + warmUp).padStart(19, '0')}`, ...person };
  const body = customerEvent({ id: `evcus_${number}`, at: Date.now(), customer });
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = { 'x-voucherify-signature': signature };
  return { httpMethod: 'POST', path: '/events/main', headers, body, isBase64Encoded: false };
}
