/**
 * Loads a secret's text by its design name (`erasure/pepper`, `erasure/platform/ketch`, `erasure/voucherify/main`).
 * `fresh` asks for the newest version where the cache may be stale; an adapter grants it at most once a minute a name.
 * Throws `unavailable` with the alarm `secret-unusable` when it cannot be had; the error names the secret and never its
 * text.
 */
export type ReadSecret = (name: string, options?: { readonly fresh?: boolean }) => Promise<string>;

/** The text that a stack puts into a secret it creates; nothing accepts it. */
export const placeholder = 'REPLACE_ME';
