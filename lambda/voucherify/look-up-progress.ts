import type { Candidate, LookUpResult, LookUpResults } from '../erasure.ts';
import type { Voucherify } from './client.ts';
import type { Found, LookUpOnce } from './find-customers.ts';
import type { Trouble } from './trouble.ts';

/** The completed look-ups of one request in one project, over all its attempts. */
export interface LookUpProgress {
  /** The look-ups of one identifier, by its index; `matters` says which candidates are kept. */
  of(identifier: number, voucherify: Voucherify, matters: (candidate: Candidate) => boolean): LookUpOnce;
  /** How many are completed. */
  count(): number;
  /** What the next attempt goes on from; `undefined` when this one has completed nothing. */
  added(): LookUpResults | undefined;
  /** HMAC of the app id that all of them were made with. */
  appIdMac(): string;
}

/**
 * Goes on from what earlier attempts kept. A look-up under another app id may be of another project: it discards all that
 * were made before it, and answers `later`, since the identifiers before it have to be looked up again.
 */
export function lookUpProgress(kept: LookUpResults | undefined, appIdMac: (appId: string) => string): LookUpProgress {
  let { appIdMac: mac, results } = kept ?? { appIdMac: '', results: [] };
  let hasAdded = false;
  const completed = (result: LookUpResult, appIds: ReadonlySet<string>): Trouble | undefined => {
    const [appId = '', ...others] = appIds;
    if (others.length > 0) return appIdChanged;
    const isOther = results.length > 0 && appIdMac(appId) !== mac;
    mac = appIdMac(appId);
    results = isOther ? [result] : [...results, result];
    hasAdded = true;
    return isOther ? appIdChanged : undefined;
  };
  return {
    of: (identifier, voucherify, matters) => async (spelling, lookUp) => {
      const known = results.find(one => one.identifier === identifier && one.spelling === spelling);
      if (known !== undefined) return foundIn(known);
      const appIds = new Set<string>();
      const found = await lookUp(noting(voucherify, appIds));
      if (found.kind === 'later' || found.kind === 'human') return found;
      const candidates = found.kind === 'found' ? found.candidates.filter(matters) : [];
      const identifiable = found.kind !== 'not-identifiable';
      return completed({ identifier, spelling, identifiable, candidates }, appIds) ?? found;
    },
    count: () => results.length,
    added: () => (hasAdded ? { appIdMac: mac, results } : undefined),
    appIdMac: () => mac,
  };
}

const appIdChanged: Trouble = { kind: 'later', code: 'app-id-changed', effect: 'none', stop: true };

function foundIn({ identifiable, candidates }: LookUpResult): Found {
  if (candidates.length > 0) return { kind: 'found', candidates };
  return { kind: identifiable ? 'nobody' : 'not-identifiable' };
}

/** The same client, which notes the app ids that its look-ups are made with. */
function noting(voucherify: Voucherify, appIds: Set<string>): Voucherify {
  return {
    ...voucherify,
    lookUp: async (...asked) => noted(await voucherify.lookUp(...asked), appIds),
    listByEmail: async (...asked) => noted(await voucherify.listByEmail(...asked), appIds),
  };
}

function noted<R extends { readonly appId: string }>(reply: R, appIds: Set<string>): R {
  appIds.add(reply.appId);
  return reply;
}
