import { Annotations, Aws } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmBase,
  AlarmState,
  CompositeAlarm,
  AlarmRule as CompositeRule,
  type IAlarm,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { version } from '../../lambda/domain/version.ts';
import type { Settings } from '../../lambda/settings.ts';
import { type AlarmName, alarmTexts, typedEntries } from './alarm-catalog.ts';
import {
  type AlarmRule,
  type AlarmSources,
  alarmRules,
  lostEventRules,
  noMatchRules,
  reappearedRule,
} from './alarm-rules.ts';
import { type OwnMetrics, ownMetrics } from './metrics.ts';
import { acknowledge } from './nag.ts';
import { alarmTopicName } from './names.ts';

export interface Alarms {
  readonly topic: ITopic;
  readonly all: ReadonlyMap<AlarmName, IAlarm>;
  readonly metrics: OwnMetrics;
}

/** Creates one alarm for each impact, which can have several causes. All notify one topic. */
export function createAlarms(
  scope: Construct,
  prefix: string,
  sources: AlarmSources,
  { alarmEmail, runbookUrl }: Settings['operations'],
): Alarms {
  const topic = createTopic(scope, prefix, alarmEmail);
  const describe = (name: AlarmName) => `${alarmTexts[name]} ${runbookPage(runbookUrl)}#${name}`;
  const metrics = ownMetrics(prefix);
  const all = new Map<AlarmName, AlarmBase>();
  for (const [name, rule] of typedEntries(alarmRules(metrics, sources))) {
    all.set(name, createAlarm(scope, prefix, name, describe(name), rule));
  }
  all.set('no-match-rate', createNoMatchAlarm(scope, prefix, metrics, describe('no-match-rate')));
  const { events } = sources;
  if (events !== undefined) {
    const [back, lost] = ['erased-person-reappeared', 'customer-events-lost'] as const;
    all.set(back, createAlarm(scope, prefix, back, describe(back), reappearedRule(metrics)));
    const rules = { parts: lostEventRules(metrics, events), combine: 'anyOf' } as const;
    all.set(lost, createComposite(scope, prefix, lost, describe(lost), rules));
  }
  const notify = new SnsAction(topic);
  for (const alarm of all.values()) {
    alarm.addAlarmAction(notify);
    alarm.addOkAction(notify);
  }
  return { topic, all, metrics };
}

/** Creates an alarm that is on while two others are on. Those send no notification. */
function createNoMatchAlarm(
  scope: Construct,
  prefix: string,
  metrics: OwnMetrics,
  alarmDescription: string,
): AlarmBase {
  const parts = new Map<string, AlarmRule>(typedEntries(noMatchRules(metrics)));
  return createComposite(scope, prefix, 'no-match-rate', alarmDescription, { parts, combine: 'allOf' });
}

/** Creates an alarm that is on while all of several others are on, or any of them. Those send no notification. */
function createComposite(
  scope: Construct,
  prefix: string,
  name: AlarmName,
  alarmDescription: string,
  rules: { readonly parts: ReadonlyMap<string, AlarmRule>; readonly combine: 'allOf' | 'anyOf' },
): AlarmBase {
  const parts = [...rules.parts].map(([part, rule]) =>
    createAlarm(scope, prefix, `${name}-${part}`, `One of the conditions of ${prefix}-${name}.`, rule),
  );
  return new CompositeAlarm(scope, `Alarm-${name}`, {
    compositeAlarmName: `${prefix}-${name}`,
    alarmDescription,
    alarmRule: CompositeRule[rules.combine](...parts.map(part => CompositeRule.fromAlarm(part, AlarmState.ALARM))),
  });
}

function createAlarm(
  scope: Construct,
  prefix: string,
  name: string,
  alarmDescription: string,
  rule: AlarmRule,
): AlarmBase {
  return new Alarm(scope, `Alarm-${name}`, { alarmName: `${prefix}-${name}`, alarmDescription, ...rule });
}

/** Returns the address of the runbook of this version, or its file name if the settings have no address. */
function runbookPage(url = 'RUNBOOK.md'): string {
  return url.replaceAll('{version}', version);
}

/** Creates the topic. It has no customer managed key: a message holds only the alarm's text, which is in this repository. */
function createTopic(scope: Construct, prefix: string, email: string | undefined): ITopic {
  const topic = new Topic(scope, 'AlarmTopic', { topicName: alarmTopicName(prefix), enforceSSL: true });
  // An explicit policy replaces the default policy, which lets alarms of the same account publish.
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'PublishByAlarms',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  if (email === undefined) {
    Annotations.of(scope).addWarningV2(
      'voucherify-erasure:no-alarm-email',
      'operations.alarmEmail is not set: alarms notify no one until an address is subscribed to the alarm topic.',
    );
    return topic;
  }
  const protocol = SubscriptionProtocol.EMAIL;
  const subscription = new Subscription(scope, 'AlarmEmail', { topic, protocol, endpoint: email });
  acknowledge(
    subscription,
    'Serverless-SNSRedrivePolicy',
    'An undelivered email needs no dead-letter queue: the alarm stays visible in CloudWatch until its cause is fixed.',
  );
  return topic;
}
