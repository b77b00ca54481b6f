import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { queueIndex } from '../lambda/io/table-layout.ts';
import type { FunctionWithRole } from './bundled-function.ts';
import { acknowledge } from './nag.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

/**
 * Accepts, reads and closes receipts; writes identifiers and deletes them, and cannot read them back. Transactions ask
 * for the permissions of their single actions (DynamoDB Developer Guide, "Using IAM with DynamoDB transactions").
 */
export function grantWebhook(
  webhook: FunctionWithRole,
  { receipts, identifiers }: ErasureTables,
  secrets: Secrets,
): void {
  allow(webhook, 'Receipts', receiptActions, [receipts.tableArn]);
  allow(webhook, 'IdentifiersUnread', ['dynamodb:DeleteItem', 'dynamodb:PutItem'], [identifiers.tableArn], {
    // A write may ask for the item that it replaces, which would be a read. The parameter is absent where nothing is
    // asked for, which means NONE (DynamoDB API Reference, PutItem), and a plain StringEquals refuses a request without
    // the key. ForAllValues is for keys with several values and would let anything through that has none.
    StringEqualsIfExists: { 'dynamodb:ReturnValues': 'NONE' },
  });
  allow(webhook, 'Secrets', ['secretsmanager:GetSecretValue'], arns(secrets));
  grantLogsAndTraces(webhook);
}

/** Finds what is due, works on it, and closes it. Nobody may delete a receipt: only time does. */
export function grantSweeper(
  sweeper: FunctionWithRole,
  { receipts, identifiers }: ErasureTables,
  secrets: Secrets,
): void {
  allow(sweeper, 'Queue', ['dynamodb:Query'], [`${receipts.tableArn}/index/${queueIndex.name}`]);
  allow(sweeper, 'Receipts', receiptActions, [receipts.tableArn]);
  const identifierActions = ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'];
  allow(sweeper, 'Identifiers', identifierActions, [identifiers.tableArn]);
  allow(sweeper, 'Secrets', ['secretsmanager:GetSecretValue'], arns(secrets));
  grantLogsAndTraces(sweeper);
}

/** Of receipts, and of the rows of pace and pauses, which lie in the same table and are read together. */
const receiptActions = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'];

type Conditions = Readonly<Record<string, Readonly<Record<string, string>>>>;

function allow(
  to: FunctionWithRole,
  sid: string,
  actions: string[],
  resources: string[],
  conditions: Conditions = {},
): void {
  to.role.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources, conditions }));
}

function arns(secrets: Secrets): string[] {
  return [...secrets.values()].map(secret => secret.secretArn);
}

/** The statement for X-Ray is CDK's own, of the two actions that take no resource. */
function grantLogsAndTraces(to: FunctionWithRole): void {
  allow(to, 'Logs', ['logs:CreateLogStream', 'logs:PutLogEvents'], [to.logs.logGroupArn]);
  acknowledge(
    to.role.node.findChild('DefaultPolicy'),
    'AwsSolutions-IAM5[Resource::*]',
    'xray:PutTraceSegments and xray:PutTelemetryRecords take no resource; a test fixes every statement of this role.',
  );
}
