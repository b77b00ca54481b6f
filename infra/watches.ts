import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { type AlarmName, alarmFor } from './alarm-texts.ts';
import { typedEntries } from './entries.ts';
import type { Functions } from './functions.ts';
import type { MetricTerms, OwnMetrics } from './metrics.ts';
import { anomalyAlarm, noMatchShare } from './no-match-rate.ts';
import { type AlarmRule, anyOf, deadlineAbove, missingFor, withinAnHour } from './watch.ts';

/** What alarms and the dashboard look at. */
export interface AlarmSources extends Functions {
  readonly api: RestApi;
  /** Names of the platforms in the settings. */
  readonly platforms: readonly string[];
  /** Calls that each rule of the firewall turned away; none where there is no firewall. */
  readonly turnedAway: readonly IMetric[];
}

/**
 * Sweeps that fail or find no room have no alarm of their own: when they hurt somebody, the sweep has stopped. Nor has a
 * 5xx by itself: where a platform cannot be told later, 503 is how it is asked to come again, and nothing is wrong.
 */
export function alarmRules(metrics: OwnMetrics, { webhook }: AlarmSources): Readonly<Record<AlarmName, AlarmRule>> {
  const codes = (name: AlarmName) => codesOf(name, metrics);
  const deadline = metrics.ofSweep('DeadlineUsed');
  return {
    'oldest-open-half': deadlineAbove(deadline, 50),
    'oldest-open-late': deadlineAbove(deadline, 80),
    'needs-review': anyOf({ ...codes('needs-review'), waiting: metrics.ofSweep('NeedsReview') }),
    'wrong-customer-deleted': anyOf(codes('wrong-customer-deleted')),
    'voucherify-access-refused': anyOf(codes('voucherify-access-refused'), withinAnHour),
    'sweep-stopped': missingFor(metrics.sweeps),
    'unproven-responses': anyOf(codes('unproven-responses')),
    paused: anyOf({ ...codes('paused'), standing: metrics.ofSweep('Paused') }),
    'no-match-rate': anomalyAlarm(noMatchShare(metrics)),
    'requests-rejected': anyOf({
      ...codes('requests-rejected'),
      errors: webhook.function.metricErrors(),
      throttles: webhook.function.metricThrottles(),
    }),
    'platform-out-of-sync': anyOf(codes('platform-out-of-sync')),
    'evidence-unsigned': anyOf({ ...codes('evidence-unsigned'), waiting: metrics.ofSweep('Unsigned') }),
  };
}

/** By names that an expression can have. */
function codesOf(name: AlarmName, metrics: OwnMetrics): MetricTerms {
  const codes = typedEntries(alarmFor).flatMap(([code, raised]) => (raised === name ? [code] : []));
  return Object.fromEntries(codes.map(code => [code.replaceAll('-', '_'), metrics.alarm(code)]));
}
