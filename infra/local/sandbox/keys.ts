/** One server-side application key of one project; several keys may belong to the same project. */
export interface SandboxKey {
  readonly appId: string;
  readonly appToken: string;
  readonly project: string;
}

/** The keys that are good at the moment. */
export interface SandboxKeys {
  /** Lets a key in; one with the same `appId` gets the new token (a regenerated key). */
  add(key: SandboxKey): void;
  /** Deletes a key; unknown ones are ignored. */
  revoke(appId: string): void;
  /** The key with exactly this id and token. */
  matching(appId: string | undefined, appToken: string | undefined): SandboxKey | undefined;
  /** The key with this id, whatever its token. */
  byAppId(appId: string): SandboxKey | undefined;
  /** The projects that have ever had a key, in the order they came. */
  projects(): readonly string[];
}

/** Keeps keys in memory: they are configuration, and a restart brings back those that are configured. */
export function openSandboxKeys(initial: readonly SandboxKey[]): SandboxKeys {
  const good = new Map<string, SandboxKey>();
  const projects = new Set<string>();
  const keys: SandboxKeys = {
    add(key) {
      good.set(key.appId, key);
      projects.add(key.project);
    },
    revoke(appId) {
      good.delete(appId);
    },
    matching(appId = '', appToken = '') {
      const key = good.get(appId);
      return key?.appToken === appToken ? key : undefined;
    },
    byAppId: appId => good.get(appId),
    projects: () => [...projects],
  };
  initial.forEach(keys.add);
  return keys;
}
