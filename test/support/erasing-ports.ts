import { type Sandbox, Unreachable } from '../../infra/local/sandbox/sandbox.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { Adapters } from '../../lambda/services.ts';
import { parseSettings } from '../../lambda/settings.ts';

/** More calls and requests than any test makes. */
export const plenty = 1_000_000;

/** Settings without any limit that would get in the way. */
export function settingsOf(projects: readonly string[], customersPerRequest: number): Adapters['settings'] {
  const named = Object.fromEntries(
    projects.map(name => [
      name,
      { baseUrl: `https://${name}.api.voucherify.io`, quotaShare: 1, callsPerMinute: plenty },
    ]),
  );
  return parseSettings(
    JSON.stringify({ projects: named, platforms: {}, limits: { customersPerRequest, requestsPerHour: plenty } }),
    'deployed',
  );
}

/** What the sandbox answers, as the sender would give it. */
export function passed(sandbox: Sandbox, { method, url, headers, body = '' }: HttpCall): HttpResult {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  try {
    const answer = sandbox.respond({ method, target: `${url.pathname}${url.search}`, headers: lower, body });
    return { kind: 'answer', ...answer };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return {
      kind: 'no-answer',
      code: error.outage === 'hang' ? 'timed-out' : 'connection-lost',
      mayHaveExecuted: true,
    };
  }
}

/** Ids that are the same in every run. */
export function counting(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return String(count).padStart(24, 'A');
  };
}
