import { createHash, createHmac } from 'node:crypto';
import { Agent, request } from 'node:https';
import { addOne, bareHandler } from './bare-handler.ts';

/** The baseline without packages: it signs requests itself. */
const agent = new Agent({ keepAlive: true });
const TableName = process.env['RECEIPTS_TABLE'] ?? '';

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** AWS Signature Version 4 (IAM User Guide, "Create a signed AWS API request"). */
function signed(service: string, host: string, target: string, body: string): Record<string, string> {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const region = process.env['AWS_REGION'] ?? '';
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const named = 'host;x-amz-date;x-amz-target';
  const canonical = `POST\n/\n\nhost:${host}\nx-amz-date:${time}\nx-amz-target:${target}\n\n${named}\n${sha256(body)}`;
  const parts = [time.slice(0, 8), region, service, 'aws4_request'];
  const key = parts.reduce<string | Buffer>(hmac, `AWS4${process.env['AWS_SECRET_ACCESS_KEY']}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const credential = `${process.env['AWS_ACCESS_KEY_ID']}/${scope}`;
  return {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-date': time,
    'x-amz-target': target,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${named}, Signature=${signature}`,
  };
}

function call(service: string, target: string, input: unknown): Promise<unknown> {
  const body = JSON.stringify(input);
  const host = `${service}.${process.env['AWS_REGION']}.amazonaws.com`;
  return new Promise((resolve, reject) => {
    const sent = request({ host, method: 'POST', headers: signed(service, host, target, body), agent }, answer => {
      const chunks: Buffer[] = [];
      answer.on('data', chunk => chunks.push(chunk));
      answer.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    sent.on('error', reject).end(body);
  });
}

const dynamodb = (operation: string, input: unknown) => call('dynamodb', `DynamoDB_20120810.${operation}`, input);

/** The minimal handler that makes these calls. */
export const handler = bareHandler({
  secret: async SecretId => {
    const answer = await call('secretsmanager', 'secretsmanager.GetSecretValue', { SecretId });
    return (answer as { SecretString: string }).SecretString;
  },
  transact: rows => dynamodb('TransactWriteItems', { TransactItems: rows.map(Item => ({ Put: { TableName, Item } })) }),
  put: Item => dynamodb('PutItem', { TableName, Item }),
  count: Key => dynamodb('UpdateItem', { TableName, Key, ...addOne }),
  get: Keys => dynamodb('BatchGetItem', { RequestItems: { [TableName]: { Keys } } }),
});
