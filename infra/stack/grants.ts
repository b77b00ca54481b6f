import { Aws, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { addendumPrefix, queueIndex, subjectPrefix } from '../../lambda/aws/table-layout.ts';
import { pepperName } from '../../lambda/domain/names.ts';
import type { FunctionWithRole } from './bundled-function.ts';
import { type Functions, sweepRuleName } from './functions.ts';
import { acknowledge } from './nag.ts';
import { alarmTopicName, type Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

/**
 * Lets the webhook accept, read and close receipts, and write and delete identifiers, but not read them. A transaction
 * requires the permissions of its single actions (DynamoDB Developer Guide, "Using IAM with DynamoDB transactions").
 */
export function grantWebhook(
  webhook: FunctionWithRole,
  { receipts, identifiers }: ErasureTables,
  secrets: Secrets,
): void {
  allow(webhook, 'Receipts', receiptActions, [receipts.tableArn]);
  allow(webhook, 'IdentifiersUnread', ['dynamodb:DeleteItem', 'dynamodb:PutItem'], [identifiers.tableArn], {
    // A write can request the item that it replaces, which would be a read. An absent parameter means NONE (DynamoDB API
    // Reference, PutItem), but plain StringEquals denies a request without the key. ForAllValues is for keys with several
    // values and would allow every request without one.
    StringEqualsIfExists: { 'dynamodb:ReturnValues': 'NONE' },
  });
  allow(webhook, 'Secrets', ['secretsmanager:GetSecretValue'], secretArns(secrets));
  grantLogsAndTraces(webhook);
}

/** Lets the sweep find, process and close due receipts. No role may delete a receipt; only its TTL does. */
export function grantSweeper(
  sweeper: FunctionWithRole,
  { receipts, identifiers }: ErasureTables,
  secrets: Secrets,
): void {
  allow(sweeper, 'Queue', queueActions, [`${receipts.tableArn}/index/${queueIndex.name}`]);
  allow(sweeper, 'Receipts', receiptActions, [receipts.tableArn]);
  const identifierActions = ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'];
  allow(sweeper, 'Identifiers', identifierActions, [identifiers.tableArn]);
  allow(sweeper, 'Secrets', ['secretsmanager:GetSecretValue'], secretArns(secrets));
  grantLogsAndTraces(sweeper);
}

/**
 * Lets the function that receives events read look-up rows and create addenda: no receipt, no identifier, no control row.
 * `dynamodb:LeadingKeys` are the partition keys of a request (DynamoDB Developer Guide, "Using IAM policy conditions for
 * fine-grained access control").
 */
export function grantEvents(events: FunctionWithRole, { receipts }: ErasureTables, secrets: Secrets): void {
  const partitions = (prefix: string) => ({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': `${prefix}*` } });
  allow(events, 'LookUps', ['dynamodb:Query'], [receipts.tableArn], partitions(subjectPrefix));
  allow(events, 'Addenda', ['dynamodb:PutItem'], [receipts.tableArn], partitions(addendumPrefix));
  allow(events, 'Secrets', ['secretsmanager:GetSecretValue'], secretArns(secrets));
  grantLogsAndTraces(events);
}

/** The scan finds the partitions of the index, which contains only keys. */
const queueActions = ['dynamodb:Query', 'dynamodb:Scan'];

/** For receipts, and for the rows of rate limits and pauses, which are in the same table. */
const receiptActions = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'];

type Conditions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Adds one statement to the policy of a function's role. */
export function allow(
  to: FunctionWithRole,
  sid: string,
  actions: string[],
  resources: string[],
  conditions: Conditions = {},
): void {
  to.role.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources, conditions }));
}

function secretArns(secrets: Secrets): string[] {
  return [...secrets.values()].map(secret => secret.secretArn);
}

/** Lets a function write its log. CDK adds the X-Ray statement, whose two actions support no resource. */
export function grantLogsAndTraces(to: FunctionWithRole): void {
  allow(to, 'Logs', ['logs:CreateLogStream', 'logs:PutLogEvents'], [to.logs.logGroupArn]);
  acknowledge(
    to.role.node.findChild('DefaultPolicy'),
    'AwsSolutions-IAM5[Resource::*]',
    'xray:PutTraceSegments and xray:PutTelemetryRecords support no resource. A test lists every statement of this role.',
  );
}

interface OperatorResources extends Functions {
  /** Absent if no events of customers are received. */
  readonly events?: FunctionWithRole;
  readonly tables: Pick<ErasureTables, 'receipts' | 'identifiers'>;
  readonly secrets: Secrets;
  readonly evidenceKey: IKey;
}

/**
 * Creates the policy with exactly the permissions of the operator's tool and of the AWS steps in RUNBOOK.md. It is
 * attached to no principal: the shop decides who operates. It allows reading every secret, because the tool tests them,
 * and describing the identifiers table, but never reading its rows or deleting a receipt. A KMS permission also needs
 * the key's policy (KMS Developer Guide, "IAM policies"); the policy of the evidence key gives the account its public
 * key.
 */
export function createOperatorPolicy(
  scope: Construct,
  { prefix }: Names,
  { tables, secrets, evidenceKey, webhook, sweeper, events }: OperatorResources,
): ManagedPolicy {
  const { receipts, identifiers } = tables;
  const toFill = new Map([...secrets].filter(([name]) => name !== pepperName));
  const alarmTopic = Stack.of(scope).formatArn({ service: 'sns', resource: alarmTopicName(prefix) });
  const sweepRule = Stack.of(scope).formatArn({
    service: 'events',
    resource: 'rule',
    resourceName: sweepRuleName(prefix),
  });
  const logGroups = [webhook, sweeper, ...(events === undefined ? [] : [events])].map(({ logs }) => logs.logGroupArn);
  const policy = new ManagedPolicy(scope, 'OperatorPolicy', {
    // Policy names are unique per account, and one account may have a deployment in each of two regions.
    managedPolicyName: `${prefix}-operator-${Aws.REGION}`,
    description: 'Permissions of the operator tool and the runbook of the erasure webhook.',
    statements: [
      buildStatement('Receipts', operatorActions, [receipts.tableArn]),
      buildStatement('Queue', queueActions, [`${receipts.tableArn}/index/${queueIndex.name}`]),
      buildStatement('Tables', tableActions, [receipts.tableArn, identifiers.tableArn]),
      buildStatement('Secrets', ['secretsmanager:GetSecretValue'], secretArns(secrets)),
      buildStatement('EvidenceKey', ['kms:EnableKey', 'kms:GetPublicKey'], [evidenceKey.keyArn]),
      buildStatement('DeployedSettings', ['lambda:GetFunctionConfiguration'], [webhook.alias.functionArn]),
      buildStatement('AlarmTopic', ['sns:ListSubscriptionsByTopic'], [alarmTopic]),
      buildStatement('SecretsToFill', ['secretsmanager:PutSecretValue'], secretArns(toFill)),
      buildStatement('PreviousSecrets', previousSecretActions, secretArns(secrets)),
      buildStatement('Sweep', ['lambda:InvokeFunction'], [sweeper.alias.functionArn]),
      buildStatement('Schedule', ['events:DescribeRule', 'events:EnableRule'], [sweepRule]),
      buildStatement('Logs', ['logs:StartQuery'], logGroups),
      buildStatement('Observe', observeActions, ['*']),
    ],
  });
  acknowledge(
    policy,
    'AwsSolutions-IAM5[Resource::*]',
    'These actions read metrics, alarms, dashboards and query results, and support no resource. A test lists this statement.',
  );
  return policy;
}

/**
 * Creates the policy that allows requests by hand: to invoke the webhook's function, which accepts an event of an operator
 * (request/receive-manual.ts). It is attached to no principal, and separate from the operator's policy, because an
 * engineer on call need not be allowed to erase a person. The operator's tool needs both.
 */
export function createManualErasurePolicy(
  scope: Construct,
  { prefix }: Names,
  { webhook }: Pick<Functions, 'webhook'>,
): ManagedPolicy {
  return new ManagedPolicy(scope, 'ManualErasurePolicy', {
    managedPolicyName: `${prefix}-manual-erasure-${Aws.REGION}`,
    description: 'Permission to request erasures by hand from the erasure webhook.',
    statements: [buildStatement('ManualErasure', ['lambda:InvokeFunction'], [webhook.alias.functionArn])],
  });
}

/** Restores a version that was overwritten by mistake. It cannot write a value. */
const previousSecretActions = ['secretsmanager:ListSecretVersionIds', 'secretsmanager:UpdateSecretVersionStage'];

const observeActions = [
  ...['cloudwatch:DescribeAlarms', 'cloudwatch:GetDashboard', 'cloudwatch:GetMetricData', 'cloudwatch:ListDashboards'],
  ...['logs:DescribeLogGroups', 'logs:GetQueryResults', 'logs:StopQuery'],
];

/** Pauses are in the same table; a decision updates its receipt. */
const operatorActions = [
  ...['dynamodb:BatchGetItem', 'dynamodb:GetItem'],
  ...['dynamodb:Query', 'dynamodb:Scan', 'dynamodb:UpdateItem'],
];

/** Metadata of the tables. */
const tableActions = ['dynamodb:DescribeContinuousBackups', 'dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive'];

function buildStatement(sid: string, actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ sid, actions, resources });
}
