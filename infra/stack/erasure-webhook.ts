import { Annotations } from 'aws-cdk-lib';
import type { IManagedPolicy, IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { eventProjects, type Settings } from '../../lambda/settings.ts';
import { createAlarms } from './alarms.ts';
import { createApi } from './api.ts';
import { createDomain } from './api-access.ts';
import { createDashboard } from './dashboard.ts';
import { createEventsFunction, createFunctions, scheduleSweep } from './functions.ts';
import { createManualErasurePolicy, createOperatorPolicy, grantEvents, grantSweeper, grantWebhook } from './grants.ts';
import { createEvidenceSigningKey, findDeployer, grantKeyUse, grantSigning } from './keys.ts';
import { type Names, namesOf } from './names.ts';
import { createRollout } from './rollout.ts';
import {
  createSecrets,
  readableByEvents,
  readableBySweeper,
  readableByWebhook,
  type Secrets,
  secretsToFill,
} from './secrets.ts';
import { settingsWarnings } from './settings-warnings.ts';
import { createErasureTables, type ErasureTables } from './tables.ts';
import { createWebAcl } from './waf.ts';

export interface ErasureWebhookProps {
  /** From `parseSettings(text, 'deployed')`. */
  readonly settings: Settings;
  /** Makes `erasure-<stage>` the prefix of every physical name; without it, the prefix is `erasure`. */
  readonly stage?: string;
  /**
   * API Gateway writes logs with one role per account and region. `create`, the default, sets it; use `existing` if the
   * account already has one.
   */
  readonly apiLogRole?: 'create' | 'existing';
  /**
   * Whether an alarm moves a new version back, see docs/upgrade.md. Default: true. Use false for one deployment, if it
   * fixes the cause of an alarm.
   */
  readonly rollbackOnAlarms?: boolean;
  /**
   * The principal that creates the resources. Default: the CloudFormation execution role of the stack's synthesizer.
   * Required if the synthesizer has none, or if `cdk deploy --role-arn` names another role.
   */
  readonly deployer?: IPrincipal;
}

/**
 * Creates the whole service. Throws `SettingsError` if the settings do not fit into a function's environment, and an
 * error if `deployer` is required and missing.
 */
export class ErasureWebhook extends Construct {
  /** Ends with a slash; append the platform's name. */
  readonly webhookUrl: string;
  /** The target of the custom domain's DNS record; absent if no record must be created by hand. */
  readonly pointDomainTo: string | undefined;
  readonly alarmTopic: ITopic;
  /** Names of the secrets whose values the operator must set. */
  readonly secretsToFill: readonly string[];
  /** The permissions of the operator's tool; attached to no principal. */
  readonly operatorPolicy: IManagedPolicy;
  /** The permission to request erasures by hand; attached to no principal. */
  readonly manualErasurePolicy: IManagedPolicy;

  constructor(scope: Construct, id: string, props: ErasureWebhookProps) {
    super(scope, id);
    const { settings, stage, apiLogRole = 'create', rollbackOnAlarms = true, deployer = findDeployer(this) } = props;
    const named = namesOf(stage);
    const { prefix } = named;
    for (const [at, warning] of settingsWarnings(settings).entries())
      Annotations.of(this).addWarningV2(`voucherify-erasure:settings-${at}`, `settings: ${warning}`);
    const { operations } = settings;
    const secrets = createSecrets(this, named, settings);
    const tables = createErasureTables(this, named, deployer);
    const evidenceKey = createEvidenceSigningKey(this, named);
    const readable = readableByWebhook(secrets, settings);
    const { functions, events } = createFunctionsWithAccess(this, named, { settings, secrets, tables, evidenceKey });
    this.operatorPolicy = createOperatorPolicy(this, named, {
      tables,
      secrets,
      evidenceKey,
      ...(events && { events }),
      ...functions,
    });
    this.manualErasurePolicy = createManualErasurePolicy(this, named, functions);
    scheduleSweep(this, prefix, functions.sweeper.alias);
    // CDK's interface does not permit its own class with exact optional properties.
    const receiver = events && { events: events.function as IFunction };
    const api = createApi(this, prefix, { webhook: functions.webhook.alias, ...receiver, settings, apiLogRole });
    this.secretsToFill = secretsToFill(settings, named);
    const domain = createDomain(api, operations);
    this.webhookUrl = domain?.webhookUrl ?? api.urlForPath('/webhooks/');
    this.pointDomainTo = domain?.pointTo;
    const blockedRequests = operations.waf === true ? createWebAcl(api, prefix) : [];
    const { reappearance } = settings;
    const observed = reappearance &&
      receiver && {
        events: { function: receiver.events, projects: eventProjects(settings), quietHours: reappearance.quietHours },
      };
    const sources = { api, platforms: Object.keys(settings.platforms), blockedRequests, ...observed, ...functions };
    const alarms = createAlarms(this, prefix, sources, operations);
    this.alarmTopic = alarms.topic;
    createDashboard(this, prefix, sources, alarms);
    const { platforms } = sources;
    // A platform that is only asked has no route to test.
    createRollout(this, {
      prefix,
      platforms,
      secrets: readable,
      alarms: alarms.all,
      rollbackOnAlarms,
      ...functions,
    });
  }
}

/** What the functions read and write. */
interface Access {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly tables: ErasureTables;
  readonly evidenceKey: IKey;
}

/** Creates the functions, and gives each role what its function needs and nothing else. */
function createFunctionsWithAccess(scope: Construct, named: Names, access: Access) {
  const { settings, secrets, tables, evidenceKey } = access;
  const readable = { webhook: readableByWebhook(secrets, settings), sweeper: readableBySweeper(secrets, settings) };
  const functions = createFunctions(scope, named, { settings, readable, tables, evidenceKey });
  grantWebhook(functions.webhook, tables, readable.webhook);
  grantSweeper(functions.sweeper, tables, readable.sweeper);
  grantKeyUse(tables.key, [functions.webhook.role, functions.sweeper.role]);
  grantSigning(evidenceKey, functions.sweeper.role);
  if (settings.reappearance === undefined) return { functions, events: undefined };
  const readableEvents = readableByEvents(secrets);
  const events = createEventsFunction(scope, named, { settings, tables, secrets: readableEvents });
  grantEvents(events, tables, readableEvents);
  return { functions, events };
}
