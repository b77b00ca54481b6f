import { Alarm, type IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { type AlarmName, alarmTexts } from './alarm-texts.ts';
import { alarmTopic } from './alarm-topic.ts';
import { typedEntries } from './entries.ts';
import { type OwnMetrics, ownMetrics } from './metrics.ts';
import type { AlarmRule } from './watch.ts';
import { type AlarmSources, alarmRules } from './watches.ts';

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
