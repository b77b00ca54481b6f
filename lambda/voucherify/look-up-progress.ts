import type { Candidate, LookUpResult, LookUpResults } from '../domain/erasure.ts';
import type { CallFailure } from './classify.ts';
import type { VoucherifyClient } from './client.ts';
import type { LookUpFinding, LookUpOnce } from './find-customers.ts';

/** The completed look-ups of one request in one project, over all its attempts. */
export interface LookUpProgress {
  /** The look-ups of one identifier, by its index; `matters` says which candidates are kept. */
  of(identifier: number, voucherify: VoucherifyClient, matters: (candidate: Candidate) => boolean): LookUpOnce;
  /** Returns the number of completed look-ups. */
  count(): number;
  /** Returns the results for the next attempt; `undefined` if this one completed no look-up. */
  added(): LookUpResults | undefined;
  /** HMAC of the app id that all of them were made with. */
  appIdHmac(): string;
}

/**
 * Continues from the results of earlier attempts. A look-up with another app id may be of another project: it discards
 * all earlier results and returns `retry`, so that the earlier identifiers are looked up again.
 */
export function lookUpProgress(kept: LookUpResults | undefined, appIdHmac: (appId: string) => string): LookUpProgress {
  let { appIdHmac: mac, results } = kept ?? { appIdHmac: '', results: [] };
  let hasAdded = false;
  const completed = (result: LookUpResult, appIds: ReadonlySet<string>): CallFailure | undefined => {
    const [appId = '', ...others] = appIds;
    if (others.length > 0) return appIdChanged;
    const isOther = results.length > 0 && appIdHmac(appId) !== mac;
    mac = appIdHmac(appId);
    results = isOther ? [result] : [...results, result];
    hasAdded = true;
    return isOther ? appIdChanged : undefined;
  };
  return {
    of: (identifier, voucherify, matters) => async (spelling, lookUp) => {
      const known = results.find(one => one.identifier === identifier && one.spelling === spelling);
      if (known !== undefined) return foundIn(known);
      const appIds = new Set<string>();
      const found = await lookUp(recordAppIds(voucherify, appIds));
      if (found.kind === 'retry' || found.kind === 'review') return found;
      const candidates = found.kind === 'found' ? found.candidates.filter(matters) : [];
      const identifiable = found.kind !== 'not-identifiable';
      return completed({ identifier, spelling, identifiable, candidates }, appIds) ?? found;
    },
    count: () => results.length,
    added: () => (hasAdded ? { appIdHmac: mac, results } : undefined),
    appIdHmac: () => mac,
  };
}

const appIdChanged: CallFailure = { kind: 'retry', code: 'app-id-changed', mayHaveExecuted: false, stop: true };

function foundIn({ identifiable, candidates }: LookUpResult): LookUpFinding {
  if (candidates.length > 0) return { kind: 'found', candidates };
  return { kind: identifiable ? 'no-match' : 'not-identifiable' };
}

/** Returns the client, which also records the app ids of its look-ups. */
function recordAppIds(voucherify: VoucherifyClient, appIds: Set<string>): VoucherifyClient {
  return {
    ...voucherify,
    lookUp: async (...args) => withAppId(await voucherify.lookUp(...args), appIds),
    listByEmail: async (...args) => withAppId(await voucherify.listByEmail(...args), appIds),
  };
}

function withAppId<R extends { readonly appId: string }>(reply: R, appIds: Set<string>): R {
  appIds.add(reply.appId);
  return reply;
}
