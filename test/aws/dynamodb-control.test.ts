import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { listLegalHolds, readActiveHolds, releaseLegalHold, setLegalHold } from '../../lambda/control/legal-holds.ts';
import { readStops } from '../../lambda/control/pauses.ts';
import { openMemoryTables } from '../bench/memory-table.ts';
import { describeControl, describeUnreachableControl, expectUnavailable, told } from '../control/control.contract.ts';
import {
  type Answer,
  answers,
  deadEndpoint,
  dynamodbAt,
  forwarded,
  hangs,
  passesTo,
  quick,
  refuses,
  scriptedDynamodb,
  startAwsEndpoint,
} from '../support/aws-endpoint.ts';
import { describeOnDynamodb, freshTables } from '../support/moto-suite.ts';

describeOnDynamodb(engine => {
  async function opened(endpoint = engine().endpoint) {
    const { tables, admin, client, close } = await freshTables(engine(), endpoint);
    const control = dynamodbControl(client, tables.receipts, { callMs: 60_000 });
    const rows = async () => {
      const { Items = [] } = await admin.send(new ScanCommand({ TableName: tables.receipts, ConsistentRead: true }));
      return Items;
    };
    return { control, close, rows };
  }

  describeControl('DynamoDB', opened.bind(undefined, undefined));

  test('control rows on DynamoDB: are separate from receipts, and counters expire', async () => {
    const { control, close, rows } = await opened();
    onTestFinished(close);
    await control.write('rate-limit#main', 0, { notBefore: 7 });
    await control.count('intake#ketch#1', 1_800_000_000);
    const [counter, pace] = (await rows()).toSorted((a, b) => String(a['pk']?.S).localeCompare(String(b['pk']?.S)));
    const key = (name: string) => ({ pk: { S: name }, sk: { S: 'control' } });
    expect(counter).toEqual({ ...key('intake#ketch#1'), count: { N: '1' }, expiresAt: { N: '1800000000' } });
    expect(pace).toEqual({
      ...key('rate-limit#main'),
      revision: { N: '1' },
      row: { S: '{"notBefore":7}' },
      writeId: { S: expect.any(String) },
    });
  });

  test('legal holds on DynamoDB: contain no identifier, and a hold expires 762 days after its end', async () => {
    const { control, close, rows } = await opened();
    onTestFinished(close);
    const until = 1_800_000_000_000;
    const receipt = { platform: 'ketch', projects: { main: {} } };
    const hold = { id: 'hmac-1', kind: 'email', actor: 'ada', reason: 'a lawsuit', at: 1000, until };
    await setLegalHold(hold, control);
    const expiryOf = async () => (await rows()).flatMap(row => row['expiresAt']?.N ?? []);
    expect(await expiryOf()).toEqual([String(until / 1000 + 762 * 86_400)]);
    expect(await readActiveHolds(['hmac-1', 'hmac-2'], control, until - 1)).toEqual(['hmac-1']);
    expect((await readStops(receipt, control, until - 1)).holdsExist).toBe(true);
    await releaseLegalHold('hmac-1', { actor: 'bob', reason: 'settled', at: 2000 }, control);
    expect(await expiryOf()).toEqual([String(2 + 762 * 86_400)]);
    expect((await readStops(receipt, control, until - 1)).holdsExist).toBe(false);
    expect(await listLegalHolds(control, until - 1)).toEqual([]);
  });

  describe('control rows on DynamoDB: write whose response is lost', () => {
    /** The emulator executes the call, and the first response to a write is lost. */
    async function losing() {
      let left = 1;
      const loses: Answer = async (call, response) => {
        const answer = await forwarded(engine().endpoint, call);
        if (call.operation === 'UpdateItem' && left > 0) {
          left -= 1;
          response.destroy();
          return;
        }
        response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.body);
      };
      const server = await startAwsEndpoint(loses);
      const open = await opened(server.endpoint);
      onTestFinished(async () => {
        open.close();
        await server.stop();
      });
      return { ...open, server };
    }

    test('retry by the client: recognises its own write', async () => {
      const { control, server } = await losing();
      const value = { pause: { actor: 'request-limit' } };
      expect(await control.write('pause#all', 0, value)).toEqual({ written: true, row: { revision: 1, value } });
      expect(server.operations).toEqual(['UpdateItem', 'UpdateItem']);
      expect(await control.read(['pause#all'])).toEqual(new Map([['pause#all', { revision: 1, value }]]));
    });

    test('same write of another process: is a conflict', async () => {
      const { control, server } = await losing();
      server.answerWith(passesTo(engine().endpoint));
      const value = { pause: { actor: 'request-limit' } };
      expect(await control.write('pause#all', 0, value)).toMatchObject({ written: true });
      expect(await control.write('pause#all', 0, value)).toEqual({ written: false, row: { revision: 1, value } });
    });
  });
});

async function scripted(...args: Parameters<typeof scriptedDynamodb>) {
  const open = await scriptedDynamodb(...args);
  return { ...open, control: dynamodbControl(open.client, 'receipts', open.options) };
}

describeUnreachableControl('DynamoDB, nobody listens', async () => {
  const client = dynamodbAt(await deadEndpoint(), quick);
  return { control: dynamodbControl(client, 'receipts'), close: () => client.destroy() };
});
describeUnreachableControl('DynamoDB, hanging', () => scripted(hangs, quick));
describeUnreachableControl('DynamoDB, throttling', () =>
  scripted(refuses(400, 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException')),
);
describeUnreachableControl('DynamoDB, refusing', () =>
  scripted(refuses(400, 'com.amazon.coral.service#AccessDeniedException')),
);

describe('control rows on DynamoDB: failures', () => {
  test('read: is one strongly consistent call, and a partial result is a failure', async () => {
    const bodies: string[] = [];
    const unread = { receipts: { Keys: [{ pk: { S: 'pause#all' }, sk: { S: 'control' } }] } };
    const { control, close } = await scripted((call, response) => {
      bodies.push(call.body);
      return answers(200, { Responses: { receipts: [] }, UnprocessedKeys: unread })(call, response);
    });
    onTestFinished(close);
    expectUnavailable(await control.read(['pause#all', told]).catch((error: unknown) => error));
    expect(bodies).toHaveLength(1);
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ RequestItems: { receipts: { ConsistentRead: true } } });
  });

  test.each([
    ['no table', {}],
    ['a row without a key', { Responses: { receipts: [{ revision: { N: '3' }, row: { S: '{"a":1}' } }] } }],
  ])('response of %s: is a failure', async (_, body) => {
    const { control, close } = await scripted(answers(200, body));
    onTestFinished(close);
    expectUnavailable(await control.read(['pause#all']).catch((error: unknown) => error));
  });

  test('row without a value: is not an absent one', async () => {
    const row = { pk: { S: 'pause#all' }, revision: { N: '3' } };
    const { control, close } = await scripted(answers(200, { Responses: { receipts: [row] } }));
    onTestFinished(close);
    expect((await control.read(['pause#all'])).get('pause#all')).toEqual({ revision: 3, value: undefined });
  });

  test('log: names the call and the error, and nothing that was sent', async () => {
    const { control, close, problems } = await scripted(refuses(400, 'AccessDeniedException'));
    onTestFinished(close);
    await Promise.allSettled([control.read([told]), control.write(told, 0, told), control.count(told, 1)]);
    const error = 'AccessDeniedException';
    const calls = problems.toSorted((a, b) => a.call.localeCompare(b.call));
    expect(calls).toEqual(['count', 'read-control', 'write-control'].map(call => ({ call, error })));
  });
});

// The benchmarks measure on them, so they decide as DynamoDB does.
describeControl('the tables in memory of the benchmarks', async () => {
  const table = openMemoryTables();
  const { endpoint, stop } = await startAwsEndpoint((call, response) => {
    const { status, body } = table(call.operation, JSON.parse(call.body));
    return answers(status, body)(call, response);
  });
  const client = dynamodbAt(endpoint);
  const close = async () => {
    client.destroy();
    await stop();
  };
  return { control: dynamodbControl(client, 'receipts', { callMs: 60_000 }), close };
});
