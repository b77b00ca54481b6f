import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { parseSettings, type Settings, SettingsError } from '../../lambda/settings.ts';
import { ErasureWebhook, type ErasureWebhookProps } from './erasure-webhook.ts';
import { isStage } from './names.ts';

/** A stack with one {@link ErasureWebhook} and the outputs that its operator needs. Works in any account and region. */
export class ErasureStack extends Stack {
  constructor(scope: Construct, id: string, props: ErasureWebhookProps & StackProps) {
    super(scope, id, { description: 'Erases persons from Voucherify on request of a privacy platform.', ...props });
    const erasure = new ErasureWebhook(this, 'Erasure', props);
    const { webhookUrl, pointDomainTo, alarmTopic, secretsToFill, operatorPolicy, manualErasurePolicy } = erasure;
    new CfnOutput(this, 'WebhookUrl', {
      value: webhookUrl,
      description: 'Append the name of the platform, such as ketch.',
    });
    if (pointDomainTo !== undefined) {
      new CfnOutput(this, 'PointDomainTo', {
        value: pointDomainTo,
        description: 'Target of the CNAME record for your domain.',
      });
    }
    new CfnOutput(this, 'AlarmTopic', {
      value: alarmTopic.topicArn,
      description: 'Subscribe the on-call to this topic.',
    });
    new CfnOutput(this, 'OperatorPolicy', {
      value: operatorPolicy.managedPolicyArn,
      description: 'Attach to the principals that run the operator tool.',
    });
    new CfnOutput(this, 'ManualErasurePolicy', {
      value: manualErasurePolicy.managedPolicyArn,
      description: 'Attach, together with OperatorPolicy, to the principals that may erase persons by hand.',
    });
    new CfnOutput(this, 'SecretsToFill', {
      value: secretsToFill.join(' '),
      description: 'Requests are refused until you replace the placeholders in these secrets.',
    });
  }
}

/** Values of `-c name=value`. */
interface StackOptions {
  /** Distinguishes several deployments in one account; absent for the default one. */
  readonly stage: string | undefined;
  readonly settings: Settings;
  readonly apiLogRole: 'create' | 'existing';
  readonly rollbackOnAlarms: boolean;
}

/** Reads the whole CDK context. Throws {@link SettingsError}, which never contains a value. */
export function readStackOptions(context: Readonly<Record<string, unknown>>): StackOptions {
  assertKnown(Object.keys(context));
  const { stage, settings, apiLogRole = 'create', rollbackOnAlarms = 'true' } = context;
  if (stage !== undefined && !isStage(stage)) {
    throw new SettingsError(['-c stage must be a lower-case name of at most 16 letters, digits and dashes']);
  }
  if (apiLogRole !== 'create' && apiLogRole !== 'existing') {
    throw new SettingsError(['-c apiLogRole must be create or existing']);
  }
  if (rollbackOnAlarms !== 'true' && rollbackOnAlarms !== 'false') {
    throw new SettingsError(['-c rollbackOnAlarms must be true or false']);
  }
  return { stage, settings: readSettings(settings), apiLogRole, rollbackOnAlarms: rollbackOnAlarms === 'true' };
}

/** Throws for a misspelt option: without its stage, a deployment would go to production. */
function assertKnown(keys: readonly string[]): void {
  const unknown = keys.filter(key => !options.has(key) && !isOfCdk(key)).map(key => `-c ${key}`);
  if (unknown.length === 0) return;
  throw new SettingsError([`${unknown.join(', ')}: unknown; the options are ${[...options].join(', ')}`]);
}

const options: ReadonlySet<string> = new Set(['stage', 'settings', 'apiLogRole', 'rollbackOnAlarms']);

/** Feature flags, results of look-ups, and what the CDK's command line itself stores. */
function isOfCdk(key: string): boolean {
  return /^@|:/.test(key) || ['acknowledged-issue-numbers', 'cli-telemetry', 'tree-metadata'].includes(key);
}

/** A path on the command line is relative to the working directory; the default is `infra/settings.json`. */
function readSettings(path: unknown): Settings {
  if (path === undefined) return parseSettings(readText(join(import.meta.dirname, '..', 'settings.json')), 'deployed');
  if (typeof path !== 'string') throw new SettingsError(['-c settings must be a path']);
  return parseSettings(readText(path), 'deployed');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new SettingsError([`the file cannot be read (${code})`]);
  }
}
