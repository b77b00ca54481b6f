import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ErasureWebhook, type ErasureWebhookProps } from './erasure-webhook.ts';

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
