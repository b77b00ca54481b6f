import { Aws } from 'aws-cdk-lib';
import { Alarm, type IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { type AlarmName, alarmTexts, typedEntries } from './alarm-catalog.ts';
import { type AlarmRule, type AlarmSources, alarmRules } from './alarm-rules.ts';
import { type OwnMetrics, ownMetrics } from './metrics.ts';
import { acknowledge } from './nag.ts';

export interface Alarms {
  readonly topic: ITopic;
  readonly all: readonly IAlarm[];
  readonly metrics: OwnMetrics;
}

/** One alarm for each way in which somebody is hurt, whatever it comes from. All go to one topic. */
export function alarms(scope: Construct, prefix: string, watched: AlarmSources, email: string | undefined): Alarms {
  const topic = alarmTopic(scope, prefix, email);
  const metrics = ownMetrics(prefix);
  const all = typedEntries(alarmRules(metrics, watched)).map(([name, watch]) => alarm(scope, prefix, name, watch));
  for (const one of all) one.addAlarmAction(new SnsAction(topic));
  return { topic, all, metrics };
}

function alarm(scope: Construct, prefix: string, name: AlarmName, watch: AlarmRule): Alarm {
  const alarmDescription = `${alarmTexts[name]} RUNBOOK.md#${name}`;
  return new Alarm(scope, `Alarm-${name}`, { alarmName: `${prefix}-${name}`, alarmDescription, ...watch });
}

/**
 * Where alarms go. Not encrypted with a key of one's own: what is sent is the alarm's text, which is in this repository.
 */
function alarmTopic(scope: Construct, prefix: string, email: string | undefined): ITopic {
  const topic = new Topic(scope, 'AlarmTopic', { topicName: `${prefix}-alarms`, enforceSSL: true });
  // A policy of one's own takes the place of the default one, by which alarms of the same account may publish.
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'PublishByAlarms',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  if (email === undefined) return topic;
  const protocol = SubscriptionProtocol.EMAIL;
  const subscription = new Subscription(scope, 'AlarmEmail', { topic, protocol, endpoint: email });
  acknowledge(
    subscription,
    'Serverless-SNSRedrivePolicy',
    'A mail that is late is not worth a queue: the alarm itself stands in CloudWatch until its cause is gone.',
  );
  return topic;
}
