import type { ErasureRequest } from '../../lambda/erasure.ts';
import { jsonReply, type ParsedRequest, type Platform } from '../../lambda/platforms/platform.ts';
import { requestOf } from './requests.ts';

export const request = { ...requestOf({}), path: '/webhooks/steps' };
const erasure: ErasureRequest = {
  reference: 'r-1',
  scope: 's',
  identities: [],
  identifiers: [{ kind: 'source_id', value: 'crm-10042' }],
  callbacks: [],
};

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
    parse: () => noted<ParsedRequest>('read', { erase: [erasure] }),
    reply: (_, __, answered) =>
      noted(
        'answer',
        jsonReply(
          200,
          answered.map(one => one.outcome.kind),
        ),
      ),
    errorReply: (_, failure) => noted('refuse', jsonReply(failure.status, failure.code)),
    buildCallbacks: async () => noted('notify', []),
    ...change,
  };
}
