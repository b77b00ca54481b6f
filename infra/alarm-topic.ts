import { Aws } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { acknowledge } from './nag.ts';

/**
 * Where alarms go. Not encrypted with a key of one's own: what is sent is the alarm's text, which is in this repository.
 */
export function alarmTopic(scope: Construct, prefix: string, email: string | undefined): ITopic {
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
