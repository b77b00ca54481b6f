import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { parseSettings, type Settings, SettingsError } from '../../lambda/settings.ts';
import { ErasureWebhook, type ErasureWebhookProps } from './erasure-webhook.ts';
import { isStage } from './names.ts';

/** One {@link ErasureWebhook} and what its operator needs to know of it. Any account, any region. */
export class ErasureStack extends Stack {
  constructor(scope: Construct, id: string, props: ErasureWebhookProps & StackProps) {
    super(scope, id, { description: 'Erases people from Voucherify when a privacy platform asks.', ...props });
    const erasure = new ErasureWebhook(this, 'Erasure', props);
    const { webhookUrl, pointDomainTo, alarmTopic, secretsToFill, operatorPolicy } = erasure;
    new CfnOutput(this, 'WebhookUrl', { value: webhookUrl, description: 'Append the platform, such as ketch.' });
    if (pointDomainTo !== undefined) {
      new CfnOutput(this, 'PointDomainTo', { value: pointDomainTo, description: 'Make a CNAME record to it.' });
    }
    new CfnOutput(this, 'AlarmTopic', { value: alarmTopic.topicArn, description: 'Subscribe whoever is on call.' });
    new CfnOutput(this, 'OperatorPolicy', {
      value: operatorPolicy.managedPolicyArn,
      description: 'Attach to whoever runs the tool for operators.',
    });
    new CfnOutput(this, 'SecretsToFill', {
      value: secretsToFill.join(' '),
      description: 'Refused until their placeholder is replaced.',
    });
  }
}

/** What `-c name=value` can say. */
interface Options {
  /** Keeps several deployments in one account apart; absent for the one that needs no name. */
  readonly stage: string | undefined;
  readonly settings: Settings;
  readonly apiLogRole: 'create' | 'existing';
}

/** Reads the CDK context. Throws {@link SettingsError}, which never holds a value. */
export function readStackOptions(context: (key: string) => unknown): Options {
  const stage = context('stage');
  const apiLogRole = context('apiLogRole') ?? 'create';
  if (stage !== undefined && !isStage(stage)) {
    throw new SettingsError(['-c stage must be a lower-case name of at most 16 letters, digits and dashes']);
  }
  if (apiLogRole !== 'create' && apiLogRole !== 'existing') {
    throw new SettingsError(['-c apiLogRole must be create or existing']);
  }
  return { stage, settings: readSettings(context('settings')), apiLogRole };
}

/** A path on the command line is meant from where the operator stands; the default lies beside this file. */
function readSettings(path: unknown): Settings {
  if (path === undefined) return parseSettings(read(join(import.meta.dirname, '..', 'settings.json')), 'deployed');
  if (typeof path !== 'string') throw new SettingsError(['-c settings must be a path']);
  return parseSettings(read(path), 'deployed');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new SettingsError([`the file cannot be read (${code})`]);
  }
}
