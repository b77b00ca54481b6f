import type { ErasureRequest } from '../../lambda/domain/erasure.ts';
import { jsonReply } from '../../lambda/domain/http.ts';
import type { ParsedRequest, Platform } from '../../lambda/platforms/platform.ts';
import { requestOf } from './requests.ts';

export const request = { ...requestOf({}), path: '/webhooks/steps' };
const erasure: ErasureRequest = {
  reference: 'r-1',
  scope: 's',
  identities: [],
  identifiers: [{ kind: 'source_id', value: 'crm-10042' }],
  callbacks: [],
};

/** A reply that names the outcomes, and records its step. */
export function repliesWith(steps: string[]): ParsedRequest['reply'] {
  return results => {
    steps.push('answer');
    return jsonReply(
      200,
      results.map(({ outcome }) => outcome.kind),
    );
  };
}

/** A platform that notes each step that is asked of it; `change` replaces one. */
export function noting(steps: string[], change: Partial<Platform> = {}): Platform {
  const noted = <T>(step: string, result: T) => {
    steps.push(step);
    return result;
  };
  return {
    responseMode: 'result',
    callbackOrigins: [],
    projects: undefined,
    checkSecret: () => noted('check-secret', undefined),
    verify: async () => noted('verify', { scheme: 'none', secret: 'current' as const }),
    parse: () => noted<ParsedRequest>('read', { erase: [erasure], reply: repliesWith(steps) }),
    errorReply: (_, failure) => noted('refuse', jsonReply(failure.status, failure.code)),
    buildCallbacks: async () => noted('notify', []),
    ...change,
  };
}
