import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { createTables } from '../../infra/local/aws-tables.ts';
import { type Answer, answers, refuses, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { emulated } from '../support/moto.ts';

const names = { receipts: 'receipts', identifiers: 'identifiers' };

async function created(answer: Answer) {
  const server = await startAwsEndpoint(answer);
  const client = new DynamoDBClient({ ...emulated(server.endpoint), maxAttempts: 1 });
  const result = await createTables(client, names).then(
    () => 'created',
    (error: unknown) => error,
  );
  client.destroy();
  await server.stop();
  return { result, operations: server.operations };
}

it('waits until both tables can be used', async () => {
  const described = new Map<string, number>();
  const { result, operations } = await created((call, response) => {
    if (call.operation === 'CreateTable') return answers(200, {})(call, response);
    const times = (described.get(call.body) ?? 0) + 1;
    described.set(call.body, times);
    return answers(200, { Table: { TableStatus: times === 1 ? 'CREATING' : 'ACTIVE' } })(call, response);
  });
  expect(result).toBe('created');
  expect(Object.fromEntries(described)).toEqual({ '{"TableName":"receipts"}': 2, '{"TableName":"identifiers"}': 2 });
  expect(operations.filter(operation => operation === 'CreateTable')).toHaveLength(2);
});

it('says what is wrong when a table cannot be created', async () => {
  const { result } = await created(refuses(400, 'AccessDeniedException'));
  expect(result).toMatchObject({ name: 'AccessDeniedException' });
});
