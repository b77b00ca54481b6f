import type { ProjectSettings } from '../../../lambda/io/settings.ts';
import { applyResponse } from '../../../lambda/voucherify/learn.ts';
import { initialRateLimit } from '../../../lambda/voucherify/pace.ts';
import { quotaFromSettings } from '../../../lambda/voucherify/project.ts';
import { parseRateHeaders } from '../../../lambda/voucherify/rate-headers.ts';
import { type CheckResult, isoSeconds, ok, warning } from './finding.ts';

type Headers = Readonly<Record<string, string | undefined>>;

/** What the headers of a good answer say of the quota, read as the pace reads them, and where settings disagree. */
export function quotaFindings(name: string, project: ProjectSettings, headers: Headers, now: number): CheckResult[] {
  const { limit, remaining, ofCycle } = parseRateHeaders(headers, now);
  const quota = quotaFromSettings(project);
  if (limit === undefined || ofCycle) {
    return [warning(`${name}: Voucherify tells no limit now, so ${said(quota)} of the settings are believed`)];
  }
  const result = { kind: 'answer', status: 200, headers, body: '' } as const;
  const heard = { result, receipt: '', keyHash: '', byToken: false, sentAt: now, now };
  const { limit: _, periodMs = quota.periodMs, reservedForShopUntil } = applyResponse(initialRateLimit, heard, quota);
  const told = { limit, periodMs };
  const left = remaining === undefined ? '' : `, ${remaining} left now`;
  return [
    ok(`${name}: limit ${said(told)}${left}; erasures use at most ${shareOf(limit, quota.share)} of them`),
    ...(said(told) === said(quota) ? [] : [warning(`${name}: settings say ${said(quota)}: ${corrected(told)}`)]),
    ...(reservedForShopUntil === undefined
      ? []
      : [warning(`${name}: what is left is the shop's: erasures wait until ${isoSeconds(reservedForShopUntil)}`)]),
  ];
}

interface Limit {
  readonly limit: number;
  readonly periodMs: number;
}

const hour = 3_600_000;

function said({ limit, periodMs }: Limit): string {
  return `${limit} a ${periodMs === hour ? 'hour' : 'minute'}`.replace('a hour', 'an hour');
}

function corrected({ limit, periodMs }: Limit): string {
  return `set callsPerMinute to ${limit} and quotaPeriod to ${periodMs === hour ? 'hour' : 'minute'}, and deploy`;
}

/** At least one call now and then. */
function shareOf(limit: number, share: number): number {
  return Math.max(1, Math.floor(limit * share + 1e-9));
}
