import type { SandboxKey } from './keys.ts';
import { findToken } from './tokens.ts';
import type { SandboxContext } from './world.ts';

/** Whose request it is, and by which of the two ways that was shown. */
export interface Caller extends Pick<SandboxKey, 'appId' | 'project'> {
  readonly by: 'key' | 'token';
}

/**
 * Who calls: by `X-App-Id` and `X-App-Token`, or by `Authorization: Bearer` (Voucherify docs, Authentication). A token
 * dies with its key, at once; giving the key another token leaves it alive. Undefined where nothing good was shown.
 */
export function callerOf(world: SandboxContext, headers: Readonly<Record<string, string>>): Caller | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
  if (bearer !== undefined) {
    return called(tokenKey(world, bearer), 'token');
  }
  return called(world.keys.matching(headers['x-app-id'], headers['x-app-token']), 'key');
}

function tokenKey(world: SandboxContext, bearer: string): SandboxKey | undefined {
  const appId = findToken(world.sql, bearer, world.now());
  return appId === undefined ? undefined : world.keys.byAppId(appId);
}

function called(key: SandboxKey | undefined, by: Caller['by']): Caller | undefined {
  return key === undefined ? undefined : { appId: key.appId, project: key.project, by };
}
