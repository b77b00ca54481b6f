import { Alarm, ComparisonOperator, type IAlarm, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { byCode, byNumber } from './alarm-texts.ts';
import { alarmTopic } from './alarm-topic.ts';
import { entries } from './entries.ts';
import { type LogMetrics, logMetrics } from './metrics.ts';
import { type Watch, type Watched, watches } from './watches.ts';

export interface Alarms {
  readonly topic: ITopic;
  readonly all: readonly IAlarm[];
  readonly metrics: LogMetrics;
}

/** One alarm a code that a log line may carry, and those that stand on numbers. All go to one topic. */
export function alarms(scope: Construct, prefix: string, watched: Watched, email: string | undefined): Alarms {
  const topic = alarmTopic(scope, prefix, email);
  const metrics = logMetrics(scope, prefix, watched);
  const add = (name: string, text: string, watch: Watch) => alarm(scope, prefix, topic, { name, text, watch });
  const ofCodes = entries(byCode).map(([code, text]) =>
    add(code, text, { metric: metrics.alarm(code), threshold: 1, evaluationPeriods: 1 }),
  );
  const ofNumbers = entries(watches(metrics, watched)).map(([name, watch]) => add(name, byNumber[name], watch));
  return { topic, all: [...ofCodes, ...ofNumbers], metrics };
}

interface Named {
  readonly name: string;
  readonly text: string;
  readonly watch: Watch;
}

function alarm(scope: Construct, prefix: string, topic: ITopic, { name, text, watch }: Named): IAlarm {
  const created = new Alarm(scope, `Alarm-${name}`, {
    alarmName: `${prefix}-${name}`,
    alarmDescription: `${text} RUNBOOK.md#${name}`,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
    ...watch,
  });
  created.addAlarmAction(new SnsAction(topic));
  return created;
}
