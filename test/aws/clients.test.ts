import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, onTestFinished, test } from 'vitest';
import { awsClientOptions, patientTimeouts } from '../../lambda/aws/clients.ts';
import { certificate, closeServersAfterEach, serveUntilFrozen, trustCertificate } from '../support/loopback-servers.ts';
import { emulated } from '../support/moto.ts';

closeServersAfterEach();
trustCertificate();

test.each([
  ['https', certificate],
  ['http', undefined],
])('20 dead idle connections to AWS over %s after a freeze: every call succeeds', async (_, tls) => {
  const { url, freeze } = await serveUntilFrozen(20, tls);
  const client = new DynamoDBClient({ ...awsClientOptions(patientTimeouts), ...emulated(url.href) });
  onTestFinished(() => client.destroy());
  const read = () => client.send(new GetItemCommand({ TableName: 'receipts', Key: { pk: { S: 'receipt-1' } } }));
  await Promise.all(Array.from({ length: 20 }, read));
  freeze();
  const thawed = await Promise.allSettled(Array.from({ length: 5 }, read));
  expect(thawed.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'fulfilled'));
});
