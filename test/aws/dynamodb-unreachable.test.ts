import * as v from 'valibot';
import { afterEach, describe, expect, test } from 'vitest';
import { awsAdapters } from '../../lambda/aws/aws-services.ts';
import { awsClientOptions, type Timeouts } from '../../lambda/aws/clients.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { describeUnreachableStore, expectNothingPersonal, unavailable } from '../receipts/store.contract.ts';
import {
  type Answer,
  answers,
  deadEndpoint,
  drips,
  dynamodbAt,
  hangs,
  patient,
  quick,
  refuses,
  scriptedDynamodb,
  startAwsEndpoint,
} from '../support/aws-endpoint.ts';
import { emulated } from '../support/moto.ts';
import { closed, kept, receiptOf } from '../support/receipt-builders.ts';

const tables = { receipts: 'receipts', identifiers: 'identifiers' };
const transaction = v.object({ TransactItems: v.array(v.looseObject({})) });

async function scripted(...args: Parameters<typeof scriptedDynamodb>) {
  const open = await scriptedDynamodb(...args);
  return { ...open, store: dynamodbStore(open.client, tables, open.options) };
}

describeUnreachableStore('DynamoDB, nobody listens', async () => {
  const client = dynamodbAt(await deadEndpoint());
  return { store: dynamodbStore(client, tables, patient), close: () => client.destroy() };
});
describeUnreachableStore('DynamoDB, hanging', async () => scripted(hangs, quick));
describeUnreachableStore('DynamoDB, throttling', async () =>
  scripted(refuses(400, 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException')),
);
describeUnreachableStore('DynamoDB, refusing', async () =>
  scripted(refuses(400, 'com.amazon.coral.service#AccessDeniedException')),
);
describeUnreachableStore('DynamoDB, out of order', async () => scripted(refuses(500, 'InternalServerError')));

describe('receipt store on DynamoDB: failures', () => {
  let close: () => Promise<void> = async () => {};
  afterEach(async () => {
    await close();
  });
  async function opened(answer: Answer, timeouts?: Timeouts) {
    const open = await scripted(answer, timeouts);
    close = open.close;
    return open;
  }

  test('missing response: ends the call after at most two attempts', async () => {
    const { store, server, problems } = await opened(hangs, { ...patient, responseMs: 60 });
    await expect(store.read('receipt-1')).rejects.toThrow(unavailable);
    // Fewer where this machine was too slow to take a call in that time.
    expect(server.operations.length).toBeLessThanOrEqual(2);
    expect(problems).toEqual([{ call: 'read', error: 'TimeoutError' }]);
  });

  test.each([
    ['never starts', hangs],
    ['never ends', drips],
  ])('response that %s: the call ends at its deadline', async (_, answer) => {
    const { store, problems } = await opened(answer, { ...patient, callMs: 80 });
    await expect(store.read('receipt-1')).rejects.toThrow(unavailable);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ call: 'read' });
  });

  test('throttled call: is logged once, only by the name of the error', async () => {
    const type = 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException';
    const { store, problems, server } = await opened(refuses(400, type));
    await expect(store.accept(receiptOf(), kept)).rejects.toThrow(unavailable);
    expect(server.operations).toHaveLength(2);
    expect(problems).toEqual([{ call: 'accept', error: 'ProvisionedThroughputExceededException' }]);
  });

  test('error with an unusual name: its name is not logged', async () => {
    const { store, problems } = await opened(refuses(400, 'about zoë@example.com'));
    await expect(store.accept(receiptOf(), kept)).rejects.toThrow(unavailable);
    expect(problems).toEqual([{ call: 'accept', error: 'unknown' }]);
  });

  test('reads: are strongly consistent, except for the index', async () => {
    const bodies: unknown[] = [];
    const { store } = await opened((call, response) => {
      bodies.push(JSON.parse(call.body));
      return answers(200, call.operation === 'Query' || call.operation === 'Scan' ? { Items: [] } : {})(call, response);
    });
    await store.read('receipt-1');
    await store.readPersonalData('receipt-1');
    await store.find('mac');
    await store.due('erase', 0, 10);
    expect(bodies).toEqual([
      expect.objectContaining({ TableName: 'receipts', ConsistentRead: true }),
      expect.objectContaining({ TableName: 'identifiers', ConsistentRead: true }),
      expect.objectContaining({ TableName: 'receipts', ConsistentRead: true }),
      expect.not.objectContaining({ ConsistentRead: true }),
      expect.not.objectContaining({ ConsistentRead: true }),
    ]);
  });

  test('connection: is reused', async () => {
    const ports: unknown[] = [];
    const { store } = await opened((call, response) => {
      ports.push(call.request.socket.remotePort);
      return answers(200, {})(call, response);
    });
    for (const id of ['one', 'two', 'three']) await store.read(id);
    expect(new Set(ports).size).toBe(1);
  });

  test('pages: are all read', async () => {
    const { store, server } = await opened((call, response) => {
      const row = (sk: string) => ({ pk: { S: 'subject#mac' }, sk: { S: sk } });
      const last = call.body.includes('ExclusiveStartKey');
      const page = last ? { Items: [row('two')] } : { Items: [row('one')], LastEvaluatedKey: row('one') };
      return answers(200, page)(call, response);
    });
    expect(await store.find('mac')).toEqual(['one', 'two']);
    expect(server.operations).toEqual(['Query', 'Query']);
  });

  test('index of several pages: is scanned to its end, and a failure of a page is not the end', async () => {
    let isLastPageReadable = true;
    const { store, server } = await opened((call, response) => {
      const item = (queue: string) => ({ queue: { S: queue } });
      const last = call.body.includes('ExclusiveStartKey');
      if (last && !isLastPageReadable) return answers(200, {})(call, response);
      if (call.operation === 'Query') return answers(200, { Items: [] })(call, response);
      const page = { Items: [item('erase#ketch#main'), item('sign')], LastEvaluatedKey: item('sign') };
      return answers(200, last ? { Items: [item('erase#manual#main')] } : page)(call, response);
    });
    isLastPageReadable = false;
    await expect(store.due('erase', 0, 10)).rejects.toEqual(unavailable);
    isLastPageReadable = true;
    const selected: unknown[] = [];
    await store.due('erase', 0, 10, part => selected.push(part) > 0);
    expect(selected).toEqual([undefined, ...['ketch', 'manual'].map(platform => ({ platform, projects: ['main'] }))]);
    expect(server.operations).toEqual(['Scan', 'Scan', 'Scan', 'Scan', 'Query', 'Query', 'Query']);
  });

  test('partitions of the settings: each platform with its projects, before any receipt is in them', async () => {
    const server = await startAwsEndpoint(answers(200, { Items: [] }));
    const project = { baseUrl: 'https://api.voucherify.io' };
    const ketch = { tenants: ['t'], environments: ['e'], identities: { account: 'source_id' } };
    const settings = parseSettings(
      JSON.stringify({
        projects: { us: project, eu: project },
        platforms: { ketch, shopify: { shops: ['acme.myshopify.com'], projects: ['eu'] } },
      }),
      'local',
    );
    const names = { settings, secretArns: {}, tables };
    const clientOptions = { ...awsClientOptions(patient), ...emulated(server.endpoint) };
    const { store } = awsAdapters(names, () => 0, { clientOptions, timeouts: patient });
    const asked: unknown[] = [];
    await store.due('erase', 0, 10, part => asked.push(part) > 0);
    await server.stop();
    expect(asked).toEqual([
      undefined,
      { platform: 'ketch', projects: ['eu', 'us'] },
      { platform: 'shopify', projects: ['eu'] },
      { platform: 'manual', projects: ['eu', 'us'] },
    ]);
  });

  test('page without a list of items: is a failure, and not an empty one', async () => {
    for (const body of [{}, { Count: 0 }, { Items: null }]) {
      const { store } = await opened(answers(200, body));
      await expect(store.find('mac')).rejects.toEqual(unavailable);
      await expect(store.due('erase', 0, 10)).rejects.toEqual(unavailable);
      await expect(store.readPersonalData('receipt-1')).rejects.toEqual(unavailable);
    }
    const { store } = await opened(answers(200, { Items: [] }));
    expect(await store.find('mac')).toEqual([]);
    expect(await store.due('erase', 0, 10)).toEqual([]);
    expect(await store.readPersonalData('receipt-1')).toBeUndefined();
    expect(await store.read('receipt-1')).toBeUndefined();
  });

  test('unreadable row: is a failure that does not quote it', async () => {
    const rows = [
      { pk: { S: 'receipt-1' }, sk: { S: 'personal-data' }, row: { S: '{"identifiers":"zoë@example.com"' } },
    ];
    const { store, problems } = await opened(answers(200, { Items: rows }));
    const thrown = await store.readPersonalData('receipt-1').catch((error: unknown) => error);
    expect(thrown).toEqual(unavailable);
    expectNothingPersonal(thrown);
    expect(problems).toEqual([]);
  });

  test('writes: read nothing and return no old values of the identifiers table', async () => {
    const bodies: string[] = [];
    const { store } = await opened((call, response) => {
      bodies.push(call.body);
      return answers(200, {})(call, response);
    });
    await store.accept(receiptOf(), kept);
    await store.replace(closed(receiptOf()), { deletePersonalData: true });
    const actions = bodies.flatMap(body => v.parse(transaction, JSON.parse(body)).TransactItems);
    const apart = actions.filter(action => JSON.stringify(action).includes('"TableName":"identifiers"'));
    expect(apart.map(action => Object.keys(action).join())).toEqual(['Put', 'Delete']);
    expect(JSON.stringify(apart)).not.toMatch(/ReturnValues|Condition/u);
    expect(actions).toHaveLength(8);
  });
});
