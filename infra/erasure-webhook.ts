import type { IManagedPolicy, IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Settings } from '../lambda/io/settings.ts';
import { alarms } from './alarms.ts';
import { api } from './api.ts';
import { dashboard } from './dashboard.ts';
import { deployerOf } from './deployer.ts';
import { customDomain } from './domain.ts';
import { evidenceKey, grantSigning } from './evidence-key.ts';
import { webAcl } from './firewall.ts';
import { functions } from './functions.ts';
import { grantSweeper, grantWebhook } from './grants.ts';
import { grantKeyUse } from './identifiers-key.ts';
import { namesOf } from './names.ts';
import { operatorPolicy } from './operator-policy.ts';
import { sweepEveryMinute } from './schedule.ts';
import { readableBySweeper, secrets, secretsToFill } from './secrets.ts';
import { tables } from './tables.ts';

export interface ErasureWebhookProps {
  /** From `parseSettings(text, 'deployed')`. */
  readonly settings: Settings;
  /** Prefix of every physical name becomes `erasure-<stage>`; without it, `erasure`. */
  readonly stage?: string;
  /**
   * API Gateway writes logs through one role per account and region. `create`, the default, sets it; say `existing`
   * where somebody else has.
   */
  readonly apiLogRole?: 'create' | 'existing';
  /**
   * Who creates the resources. The default is the role of the stack's synthesizer that CloudFormation runs as; needed
   * where the synthesizer has none, or where `cdk deploy --role-arn` names another one.
   */
  readonly deployer?: IPrincipal;
}

/**
 * The whole service. Throws `SettingsError` for settings that do not fit into a function's environment, and an error
 * where `deployer` is missing and needed.
 */
export class ErasureWebhook extends Construct {
  /** Without the platform's name, with the slash before it. */
  readonly webhookUrl: string;
  /** What the DNS record of one's own domain must point to; absent where there is none to make by hand. */
  readonly pointDomainTo: string | undefined;
  readonly alarmTopic: ITopic;
  /** Names of the secrets that the stack cannot know. */
  readonly secretsToFill: readonly string[];
  /** For whoever runs the operator's tool; attached to nobody. */
  readonly operatorPolicy: IManagedPolicy;

  constructor(scope: Construct, id: string, props: ErasureWebhookProps) {
    super(scope, id);
    const { settings, stage, apiLogRole = 'create', deployer = deployerOf(this) } = props;
    const named = namesOf(stage);
    const { prefix } = named;
    const { operations } = settings;
    const secret = secrets(this, named, settings);
    const stored = tables(this, named, deployer);
    const readable = { webhook: secret, sweeper: readableBySweeper(secret, settings) };
    const signingKey = evidenceKey(this, named);
    const running = functions(this, named, { settings, readable, tables: stored, evidenceKey: signingKey });
    grantWebhook(running.webhook, stored, readable.webhook);
    grantSweeper(running.sweeper, stored, readable.sweeper);
    grantKeyUse(stored.key, [running.webhook.role, running.sweeper.role]);
    grantSigning(signingKey, running.sweeper.role);
    this.operatorPolicy = operatorPolicy(this, named, {
      tables: stored,
      secrets: secret,
      evidenceKey: signingKey,
    });
    sweepEveryMinute(this, prefix, running.sweeper.function);
    const gateway = api(this, prefix, { webhook: running.webhook.function, settings, apiLogRole });
    this.secretsToFill = secretsToFill(settings, named);
    const domain = customDomain(gateway, operations);
    this.webhookUrl = domain?.webhookUrl ?? gateway.urlForPath('/webhooks/');
    this.pointDomainTo = domain?.pointTo;
    const turnedAway = operations.waf === true ? webAcl(gateway, prefix) : [];
    const watched = { api: gateway, platforms: Object.keys(settings.platforms), turnedAway, ...running };
    const alarming = alarms(this, prefix, watched, operations.alarmEmail);
    this.alarmTopic = alarming.topic;
    dashboard(this, prefix, watched, alarming);
  }
}
