import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { type AlarmName, raisedBy } from './alarm-texts.ts';
import { entries } from './entries.ts';
import type { Functions } from './functions.ts';
import type { OwnMetrics, Parts } from './metrics.ts';
import { farAboveUsual, shareOfNobody } from './no-match-rate.ts';
import { anyOf, overAnHour, silent, used, type Watch } from './watch.ts';

/** What alarms and the dashboard look at. */
export interface Watched extends Functions {
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
export function watches(metrics: OwnMetrics, { webhook }: Watched): Readonly<Record<AlarmName, Watch>> {
  const codes = (name: AlarmName) => codesOf(name, metrics);
  const deadline = metrics.ofSweep('DeadlineUsed');
  return {
    'oldest-open-half': used(deadline, 50),
    'oldest-open-late': used(deadline, 80),
    'needs-human': anyOf({ ...codes('needs-human'), waiting: metrics.ofSweep('NeedsHuman') }),
    'wrong-customer-deleted': anyOf(codes('wrong-customer-deleted')),
    'voucherify-refuses-us': anyOf(codes('voucherify-refuses-us'), overAnHour),
    'sweep-stopped': silent(metrics.sweeps),
    'unproven-answers': anyOf(codes('unproven-answers')),
    paused: anyOf({ ...codes('paused'), standing: metrics.ofSweep('Paused') }),
    'no-match-rate': farAboveUsual(shareOfNobody(metrics)),
    'platforms-turned-away': anyOf({
      ...codes('platforms-turned-away'),
      errors: webhook.function.metricErrors(),
      throttles: webhook.function.metricThrottles(),
    }),
    'platform-not-told': anyOf(codes('platform-not-told')),
    'evidence-unsigned': anyOf({ ...codes('evidence-unsigned'), waiting: metrics.ofSweep('Unsigned') }),
  };
}

/** By names that an expression can have. */
function codesOf(name: AlarmName, metrics: OwnMetrics): Parts {
  const codes = entries(raisedBy).flatMap(([code, raised]) => (raised === name ? [code] : []));
  return Object.fromEntries(codes.map(code => [code.replaceAll('-', '_'), metrics.alarm(code)]));
}
