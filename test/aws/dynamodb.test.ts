import { ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTables } from '../../infra/local/emulator-services.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { SideWrites } from '../../lambda/receipts/store.ts';
import { describeIdentifierRows, describeStore, unavailable } from '../receipts/store.contract.ts';
import { type AwsEndpoint, answers, forwarded, passesTo, refuses, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { describeOnDynamodb, freshTables } from '../support/moto-suite.ts';
import {
  closed,
  expiresAt,
  kept,
  lookUps,
  next,
  now,
  pins,
  putOff,
  receiptOf,
  withLookUps,
  withPins,
} from '../support/receipt-builders.ts';

describeOnDynamodb(engine => {
  async function opened(endpoint = engine().endpoint) {
    const { tables, admin, client, close } = await freshTables(engine(), endpoint);
    const store = dynamodbStore(client, tables, { callMs: 60_000, expected: () => ['erase#expected#main'] });
    return { store, close, admin, tables };
  }

  describeStore('DynamoDB', opened.bind(undefined, undefined));
  describeIdentifierRows('DynamoDB', async () => {
    const { store, close, admin, tables } = await opened();
    const identifierRows = async () => {
      const scan = new ScanCommand({ TableName: tables.identifiers, ConsistentRead: true });
      const { Items = [] } = await admin.send(scan);
      return Items.map(item =>
        String(item['sk']?.S).replace('#', ' ').replace('-', ' ').replace('lookups', 'look-ups'),
      );
    };
    return { store, close, identifierRows };
  });

  describe('receipt store on DynamoDB: rows', () => {
    let open: Awaited<ReturnType<typeof opened>>;
    const accepted = async () => {
      const receipt = receiptOf();
      await open.store.accept(receipt, kept);
      return receipt;
    };
    beforeEach(async () => {
      open = await opened();
    });
    afterEach(() => open.close());
    const rows = async (TableName: string) => {
      const { Items = [] } = await open.admin.send(new ScanCommand({ TableName, ConsistentRead: true }));
      return Items.toSorted((one, other) => String(one['pk']?.S).localeCompare(String(other['pk']?.S)));
    };

    test('open receipt: has the index attribute and no expiry', async () => {
      const receipt = await accepted();
      expect(await rows(open.tables.receipts)).toEqual([
        {
          pk: { S: 'receipt#receipt-1' },
          sk: { S: 'receipt' },
          row: { S: JSON.stringify(receipt) },
          revision: { N: '1' },
          state: { S: 'open' },
          writeId: { S: expect.any(String) },
          queue: { S: 'erase#generic#main' },
          nextAttemptAt: { N: String(now) },
        },
        { pk: { S: 'subject#mac-of-email' }, sk: { S: 'receipt-1' } },
        { pk: { S: 'subject#mac-of-source-id' }, sk: { S: 'receipt-1' } },
      ]);
    });

    test('identifiers and pins: are only in the other table, one row each', async () => {
      const receipt = await accepted();
      await open.store.replace(withPins(receipt, 'main', 2), { pins: { project: 'main', pins } });
      expect(await rows(open.tables.identifiers)).toEqual([
        { pk: { S: 'receipt-1' }, sk: { S: 'personal-data' }, row: { S: JSON.stringify(kept) } },
        { pk: { S: 'receipt-1' }, sk: { S: 'pins#main' }, row: { S: JSON.stringify(pins) } },
      ]);
      expect(JSON.stringify(await rows(open.tables.receipts))).not.toMatch(/example\.com|cust_secret|callback-token/u);
    });

    test('closed receipt: all rows expire together, and the identifiers are deleted', async () => {
      const receipt = withPins(receiptOf({ revision: 0 }, ['main', 'us']), 'main', 2);
      await open.store.accept(receipt, kept);
      const second = withPins(receipt, 'us', 1);
      await open.store.replace(next(receipt), { pins: { project: 'main', pins } });
      await open.store.replace(next(second), { pins: { project: 'us', pins } });
      expect(await rows(open.tables.identifiers)).toHaveLength(3);
      const end = closed(next(second));
      expect(await open.store.replace(end, { deletePersonalData: true })).toBe(true);
      expect(await rows(open.tables.identifiers)).toEqual([]);
      const left = await rows(open.tables.receipts);
      expect(left.map(row => row['expiresAt'])).toEqual(left.map(() => ({ N: String(expiresAt) })));
      expect(left).toHaveLength(3);
      expect(left[0]).not.toHaveProperty('queue');
      expect(left[0]).not.toHaveProperty('nextAttemptAt');
    });

    test.each<[string, number, SideWrites['lookUps']]>([
      ['counted by the receipt', 2, []],
      ['discarded by the closing write', 0, [{ project: 'main', lookUps: undefined }]],
    ])('completed look-ups that are %s: are deleted with the identifiers', async (_, count, discarded = []) => {
      const receipt = receiptOf({}, ['main', 'us']);
      await open.store.accept(receipt, kept);
      const second = withLookUps(receipt, 'main', 2);
      await open.store.replace(second, { lookUps: [{ project: 'main', lookUps }] });
      expect((await rows(open.tables.identifiers)).map(row => row['sk'])).toEqual([
        { S: 'lookups#main' },
        { S: 'personal-data' },
      ]);
      const end = { ...closed(withLookUps(second, 'main', count)), revision: 3 };
      expect(await open.store.replace(end, { deletePersonalData: true, lookUps: discarded })).toBe(true);
      expect(await rows(open.tables.identifiers)).toEqual([]);
    });

    test('attributes of another version of this code: are preserved', async () => {
      const receipt = await accepted();
      const update = new UpdateItemCommand({
        TableName: open.tables.receipts,
        Key: { pk: { S: 'receipt#receipt-1' }, sk: { S: 'receipt' } },
        UpdateExpression: 'SET attestation = :newer',
        ExpressionAttributeValues: { ':newer': { S: 'by a newer version' } },
      });
      await open.admin.send(update);
      await open.store.replace(closed(receipt), { deletePersonalData: true });
      expect((await rows(open.tables.receipts))[0]).toMatchObject({ attestation: { S: 'by a newer version' } });
    });

    test('rows of another shape: are rejected', async () => {
      const receipt = await accepted();
      const Key = { pk: { S: 'receipt#receipt-1' }, sk: { S: 'receipt' } };
      const UpdateExpression = 'REMOVE #row';
      const ExpressionAttributeNames = { '#row': 'row' };
      const TableName = open.tables.receipts;
      await open.admin.send(new UpdateItemCommand({ TableName, Key, UpdateExpression, ExpressionAttributeNames }));
      await expect(open.store.read(receipt.id)).rejects.toThrow(unavailable);
    });

    test('existing tables: are used', async () => {
      await open.store.accept(receiptOf(), kept);
      await createTables(open.admin, open.tables);
      expect(await open.store.read('receipt-1')).toEqual(receiptOf());
    });
  });

  describe('receipt store on DynamoDB: calls', () => {
    let front: AwsEndpoint;
    let open: Awaited<ReturnType<typeof opened>>;
    const accepted = async () => {
      const receipt = receiptOf();
      await open.store.accept(receipt, kept);
      return receipt;
    };
    beforeEach(async () => {
      front = await startAwsEndpoint(passesTo(engine().endpoint));
      open = await opened(front.endpoint);
    });
    afterEach(async () => {
      open.close();
      await front.stop();
    });

    /** DynamoDB executes the write, and its response is lost once. */
    function loseNextAnswer() {
      front.answerWith(async (call, response) => {
        front.answerWith(passesTo(engine().endpoint));
        await forwarded(engine().endpoint, call);
        response.destroy();
      });
    }

    test('accept with a lost response: recognises its own write', async () => {
      loseNextAnswer();
      expect(await open.store.accept(receiptOf(), kept)).toEqual({ stored: true, receipt: receiptOf() });
      expect(front.operations).toEqual(['TransactWriteItems', 'TransactWriteItems']);
      expect(await open.store.accept(receiptOf(), kept)).toEqual({ stored: false, receipt: receiptOf() });
    });

    test.each([
      ['alone', {}, 'UpdateItem'],
      ['in a transaction', { pins: { project: 'main', pins } }, 'TransactWriteItems'],
    ])('replace %s with a lost response: recognises its own write', async (_, also, operation) => {
      const receipt = await accepted();
      loseNextAnswer();
      expect(await open.store.replace(withPins(receipt, 'main', 2), also)).toBe(true);
      expect(front.operations.slice(1)).toEqual([operation, operation]);
      expect(await open.store.replace(withPins(receipt, 'main', 2), also)).toBe(false);
    });

    test.each<[string, Partial<Receipt>]>([
      [
        'a callback',
        { callbackState: { tries: 1, delivered: [], refused: [] }, queue: 'callback', nextAttemptAt: now },
      ],
      ['the signature', { evidence: 'header.payload.signature' }],
    ])(
      'closed receipt: %s is stored by one update of the receipt alone, and all rows still expire',
      async (_, change) => {
        const receipt = await accepted();
        const end = closed(receipt);
        await open.store.replace(end, { deletePersonalData: true });
        expect(await open.store.replace(next(end, change))).toBe(true);
        expect(front.operations.slice(1)).toEqual(['TransactWriteItems', 'UpdateItem']);
        const { Items = [] } = await open.admin.send(new ScanCommand({ TableName: open.tables.receipts }));
        expect(Items.map(row => row['expiresAt'])).toEqual([1, 2, 3].map(() => ({ N: String(expiresAt) })));
      },
    );

    test('partitions: those of the settings are asked at once, all others from the next scan on', async () => {
      const operations = async (at: number, ids: readonly string[]) => {
        const before = front.operations.length;
        expect(await open.store.due('erase', at, 10)).toEqual(ids);
        return front.operations.slice(before).toSorted();
      };
      expect(await operations(now, [])).toEqual(['Query', 'Query', 'Scan']);
      await open.store.accept(receiptOf({ id: 'receipt-2', platform: 'removed' }), kept);
      await open.store.accept(receiptOf({ platform: 'expected' }), kept);
      expect(await operations(now + 299_999, ['receipt-1'])).toEqual(['Query', 'Query']);
      expect(await operations(now + 300_000, ['receipt-1', 'receipt-2'])).toEqual(['Query', 'Query', 'Query', 'Scan']);
      expect(await operations(now + 599_999, ['receipt-1', 'receipt-2'])).toEqual(['Query', 'Query', 'Query']);
    });

    test('partition that is not selected: is not asked', async () => {
      for (const platform of ['expected', 'removed'])
        await open.store.accept(receiptOf({ id: platform, platform }), kept);
      expect(await open.store.due('erase', now, 10, part => part?.platform === 'removed')).toEqual(['removed']);
      expect(front.operations.slice(2)).toEqual(['Scan', 'Query']);
    });

    test('receipt that the lagging index has in two partitions: is due once', async () => {
      const receipt = await accepted();
      const seen = await recordNextAnswer();
      front.answerWith((call, response) =>
        (call.operation === 'Query' ? answers(200, seen) : passesTo(engine().endpoint))(call, response),
      );
      expect(await open.store.due('erase', now, 10)).toEqual([receipt.id]);
    });

    test('stale index: is only a suggestion', async () => {
      const receipt = await accepted();
      const seen = await recordNextAnswer();
      await open.store.replace(closed(receipt), { deletePersonalData: true });
      expect(await open.store.due('erase', now, 10)).toEqual([]);
      front.answerWith((call, response) =>
        call.operation === 'Query' ? answers(200, seen)(call, response) : passesTo(engine().endpoint)(call, response),
      );
      expect(await open.store.due('erase', now, 10)).toEqual([receipt.id]);
      const suggested = await open.store.read(receipt.id);
      expect(suggested).toEqual(closed(receipt));
      expect(await open.store.replace(putOff(receipt, now + 60_000))).toBe(false);
      expect(await open.store.read(receipt.id)).toEqual(suggested);
    });

    async function recordNextAnswer(): Promise<unknown> {
      let seen: unknown;
      front.answerWith(async (call, response) => {
        const answer = await forwarded(engine().endpoint, call);
        const body: unknown = JSON.parse(answer.body);
        if (call.operation === 'Query' && !answer.body.includes('"Items":[]')) seen = body;
        return answers(answer.status, body)(call, response);
      });
      expect(await open.store.due('erase', now, 10)).toEqual(['receipt-1']);
      front.answerWith(passesTo(engine().endpoint));
      return seen;
    }

    const conflict = refuses(400, 'com.amazonaws.dynamodb.v20120810#TransactionConflictException');
    const canceled = (...codes: string[]) =>
      refuses(400, 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException', {
        CancellationReasons: codes.map(Code => ({ Code })),
      });

    /** The next write gets this response and does nothing; reads and later writes are executed. */
    function answerNextWrite(answer: ReturnType<typeof refuses>) {
      front.answerWith((call, response) => {
        front.answerWith(passesTo(engine().endpoint));
        return answer(call, response);
      });
    }

    /** The same for the next two writes. */
    function answerNextTwoWrites(answer: ReturnType<typeof refuses>) {
      front.answerWith((call, response) => {
        answerNextWrite(answer);
        return answer(call, response);
      });
    }

    describe.each([
      ['the receipt', canceled('TransactionConflict', 'None')],
      ['what is kept apart', canceled('None', 'TransactionConflict')],
    ])('conflict with another transaction, %s', (_, answer) => {
      test('accept: is retried once', async () => {
        answerNextWrite(answer);
        expect(await open.store.accept(receiptOf(), kept)).toEqual({ stored: true, receipt: receiptOf() });
        expect(front.operations).toEqual(['TransactWriteItems', 'TransactWriteItems']);
      });

      test('accept of an existing receipt: returns it', async () => {
        const standing = receiptOf({ reference: 'first' });
        await open.store.accept(standing, kept);
        for (const answerWrites of [answerNextWrite, answerNextTwoWrites]) {
          answerWrites(answer);
          expect(await open.store.accept(receiptOf(), kept)).toEqual({ stored: false, receipt: standing });
        }
      });

      test('replace: is retried once', async () => {
        const receipt = await accepted();
        answerNextWrite(answer);
        expect(await open.store.replace(closed(receipt), { deletePersonalData: true })).toBe(true);
      });

      test('replace of an older revision: is refused', async () => {
        const receipt = await accepted();
        await open.store.replace(putOff(receipt, now + 1));
        for (const answerWrites of [answerNextWrite, answerNextTwoWrites]) {
          answerWrites(answer);
          expect(await open.store.replace(closed(receipt), { deletePersonalData: true })).toBe(false);
        }
      });

      test('second conflict: fails and can be retried', async () => {
        const receipt = receiptOf();
        answerNextTwoWrites(answer);
        await expect(open.store.accept(receipt, kept)).rejects.toThrow(unavailable);
        expect(await open.store.accept(receipt, kept)).toMatchObject({ stored: true });
        answerNextTwoWrites(answer);
        await expect(open.store.replace(closed(receipt), { deletePersonalData: true })).rejects.toThrow(unavailable);
        expect(await open.store.replace(closed(receipt), { deletePersonalData: true })).toBe(true);
      });
    });

    test('conflict and a failed condition: is not retried', async () => {
      const receipt = await accepted();
      await open.store.replace(putOff(receipt, now + 1));
      const before = front.operations.length;
      answerNextWrite(canceled('ConditionalCheckFailed', 'TransactionConflict'));
      expect(await open.store.replace(closed(receipt), { deletePersonalData: true })).toBe(false);
      expect(front.operations.slice(before)).toEqual(['TransactWriteItems', 'GetItem']);
    });

    test('conflict of a single update: is handled in the same way', async () => {
      const receipt = await accepted();
      answerNextWrite(conflict);
      expect(await open.store.replace(putOff(receipt, now + 1))).toBe(true);
      answerNextTwoWrites(conflict);
      expect(await open.store.replace(putOff(receipt, now + 2))).toBe(false);
    });

    test('transaction without capacity: is not read again', async () => {
      const receipt = await accepted();
      answerNextWrite(canceled('ThrottlingError', 'None'));
      await expect(open.store.accept(receipt, kept)).rejects.toThrow(unavailable);
      answerNextWrite(refuses(400, 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException'));
      await expect(open.store.replace(closed(receipt), { deletePersonalData: true })).rejects.toThrow(unavailable);
      expect(front.operations).toEqual(Array.from({ length: 3 }, () => 'TransactWriteItems'));
    });
  });
});
