import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { acknowledge } from './nag.ts';

/** The minute's tick. A tick that cannot be delivered is dropped: the next one does the same work. */
export function sweepEveryMinute(scope: Construct, prefix: string, sweeper: IFunction): void {
  const rule = new Rule(scope, 'EveryMinute', {
    ruleName: `${prefix}-sweep`,
    description: 'Starts the sweep over open erasures.',
    schedule: Schedule.rate(Duration.minutes(1)),
    targets: [new LambdaFunction(sweeper, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  });
  acknowledge(
    rule,
    'Serverless-EventBusDLQ',
    'A tick carries nothing: a queue of missed ticks would only start sweeps that the next tick starts anyway, and the ' +
      'heartbeat alarm tells when they stay away.',
  );
}
