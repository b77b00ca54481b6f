import { Failure } from '../../lambda/failure.ts';
import type { ReadSecret } from '../../lambda/io/secret.ts';

/** Secrets that need no account: design names to texts, for local runs. They never change, so `fresh` asks in vain. */
export function embeddedSecrets(values: Readonly<Record<string, string>>): ReadSecret {
  return async name => {
    const text = Object.hasOwn(values, name) ? values[name] : undefined;
    if (text !== undefined) return text;
    throw new Failure('unavailable', `the secret ${name} is not usable`, { alarm: 'secret-unusable' });
  };
}
